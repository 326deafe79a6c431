"""Pages of campaigns: parse, call a selector or a service, answer."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

import polars as pl
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.registry.paging import table_page
from apps.registry.store import campaign_path
from apps.serving.campaigns import browse, pages, selectors
from apps.serving.campaigns.browse import PairsQuery
from apps.serving.campaigns.changes import ChangesQuery, change_rows, changes_matching, changes_sorted, exported_changes
from apps.serving.campaigns.comparison import Comparison, compare
from apps.serving.campaigns.explained import briefly, reasons_of, why_high
from apps.serving.campaigns.models import Campaign, CampaignCell, RisingPair
from apps.serving.campaigns.services import LONGEST_LABEL, start_campaign
from apps.serving.campaigns.words import (
    REASON_NAMES,
    STATE_NAMES,
    changes_sentence,
    name_of,
    reasons_sentence,
    summary_text,
)
from apps.serving.log_views import WARNING_NAMES
from apps.serving.overrides.pages import DecidedPart
from apps.serving.overrides.selectors import OVERRIDES
from apps.workforce.selectors import periods_back
from future_skills import schema
from future_skills.campaign_results import ANSWERS, FACTS, TOP
from future_skills.errors import (
    AccessError,
    DataError,
    FutureSkillsError,
    ReasonsUnavailableError,
    UsageError,
    translatable,
)
from future_skills.formatting import Language
from future_skills.reasons import Reasons
from future_skills.reasons_text import FEATURE_NAMES, value_text
from future_skills.spreadsheets import MOST_ROWS, csv_pieces, workbook_pieces

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PERIODS_OFFERED: Final = 24


# --- All of them ------------------------------------------------------------------------------------------------------------
@needs(Right.READ, post=Right.RUN_CAMPAIGNS)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_list(request: HttpRequest) -> HttpResponse:
    """The campaigns, how far each is, and the form that starts one."""
    error, typed = "", {"label": request.POST.get("label", ""), "period": request.POST.get("period", "")}
    if request.method == "POST":
        try:
            started = start_campaign(
                actor=login_actor(request), period=typed["period"].strip() or None, label=typed["label"]
            )
        except AccessError:
            raise
        except FutureSkillsError as refused:
            error = refused.explain(gettext)
        else:
            if not started.is_new:
                messages.info(request, gettext("This campaign is under way already."))
            return redirect("campaigns:campaign", started.campaign.pk)
    page = table_page(request, selectors.campaigns())
    context = {
        "section": "campaigns",
        "page": page,
        "rows": [
            (campaign, name_of(campaign), STATE_NAMES[campaign.state], _shares(campaign)) for campaign in page.rows
        ],
        "under_way": any(not campaign.over for campaign in page.rows),
        "periods": list(islice(periods_back(), PERIODS_OFFERED)),
        "typed": typed,
        "longest": LONGEST_LABEL,
        "error": error,
        "notices": page.notices,
    }
    return render(request, "campaigns/list.html", context, status=409 if error else 200)


def _shares(campaign: Campaign) -> dict[str, Any]:
    """What the list says of a campaign that has a result."""
    if campaign.finished_at is None:
        return dict.fromkeys(("high", "rising", "abstained"))
    pairs = campaign.pairs or 1
    sums = {name: getattr(campaign, f"all_{name}") or 0 for name in selectors.COUNTS}
    return {"high": sums["high"] / pairs, "rising": sums["rising"], "abstained": sums["abstained"] / pairs}


# --- One of them: its map ---------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def campaign(request: HttpRequest, campaign: int) -> HttpResponse:
    """How far a campaign is; once it is finished, its map."""
    found = selectors.find_campaign(campaign)
    context: dict[str, Any] = {"section": "campaigns", "campaign": found, "name": name_of(found)}
    if found.finished_at is None:
        context |= {"state": STATE_NAMES[found.state], "sentence": pages.standing_sentence(found)}
        return render(request, "campaigns/under_way.html", context)
    asked = {name: request.GET.get(name, "").strip() for name in ("department", "category")}
    measure, before = pages.measure_of(request.GET.get("show", "")), selectors.campaign_before(found)
    cells = list(CampaignCell.objects.filter(campaign=found))
    shown = [
        cell
        for cell in cells
        if asked["department"] in {"", cell.department} and asked["category"] in {"", cell.category}
    ]
    context |= {
        "sentence": summary_text(found),
        "before": before,
        "before_name": name_of(before) if before else "",
        "measure": measure,
        "measures": [(one, one.key == measure.key) for one in pages.MEASURES],
        "map": pages.map_of(found, shown, selectors.cells_by_place(before), measure, has_before=before is not None),
        "departments": _choices((cell.department for cell in cells), asked["department"]),
        "categories": _choices((cell.category for cell in cells), asked["category"]),
        "overridden": browse.matching(
            selectors.result_of(found), PairsQuery(only="overridden"), OVERRIDES.now().frame()
        )
        .select(pl.len())
        .collect()
        .item(),
        "narrowed": any(asked.values()),
        "command": f"python manage.py compare_campaigns {before.pk if before else 'A'} {found.pk}",
    }
    return render(request, "campaigns/campaign.html", context)


def _choices(values: Iterable[str], chosen: str) -> list[tuple[str, bool]]:
    """Each value once, in order, and whether it is the one chosen."""
    return [(value, value == chosen) for value in sorted(set(values))]


# --- Its pairs --------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def pairs(request: HttpRequest, campaign: int) -> HttpResponse:
    """Role x skill: the pairs of a campaign, filtered and sorted."""
    found, query = selectors.find_campaign(campaign), PairsQuery.of(request)
    matching = browse.matching(selectors.result_of(found), query, OVERRIDES.now().frame())
    page = browse.pairs_page(matching, browse.in_order(matching, query.sort), page=query.page, notices=query.notices)
    places = CampaignCell.objects.filter(campaign=found)
    context = {
        "section": "campaigns",
        "campaign": found,
        "name": name_of(found),
        "query": query,
        "sentence": pages.pairs_sentence(page.total, query),
        "page": page,
        "rows": [(row, _pair_address(row), _warnings(row["warnings"])) for row in page.rows],
        "headings": pages.headings(query),
        "departments": _choices(places.values_list("department", flat=True), query.department),
        "categories": _choices(places.values_list("category", flat=True), query.category),
        "levels": pages.level_choices(query.level),
        "levels_now": pages.level_choices(query.now),
        "only": pages.only_choices(query.only),
        "previous": query.address(page=page.number - 1) if page.number > 1 else "",
        "next": query.address(page=page.number + 1) if page.number < page.pages else "",
        "export": query.address(page=1),
        "notices": page.notices,
    }
    return render(request, "campaigns/pairs.html", context)


def _pair_address(row: dict[str, Any]) -> str:
    return "?" + urlencode({"role": row[schema.ROLE], "skill": row[schema.SKILL]})


def _warnings(codes: str) -> list[str]:
    """What there is to know before trusting an answer, in words."""
    return [gettext(WARNING_NAMES.get(code, code)) for code in codes.split(",") if code]


@needs(Right.READ)
@require_safe
def pairs_csv(request: HttpRequest, campaign: int) -> StreamingHttpResponse:
    """The pairs that the filters keep, as a file that a spreadsheet opens in the active language."""
    return _exported_pairs(request, campaign, "csv")


@needs(Right.READ)
@require_safe
def pairs_xlsx(request: HttpRequest, campaign: int) -> StreamingHttpResponse:
    """The same pairs as an Excel workbook."""
    return _exported_pairs(request, campaign, "xlsx")


def _exported_pairs(request: HttpRequest, campaign: int, kind: str) -> StreamingHttpResponse:
    found, query = selectors.find_campaign(campaign), PairsQuery.of(request)
    matching = browse.matching(selectors.result_of(found), query, OVERRIDES.now().frame())
    rows = matching if query.sort == browse.DEFAULT_SORT else browse.in_order(matching, query.sort)
    levels = pl.col(schema.CURRENT_LEVEL, "level", "override_level").replace_strict(
        pages.level_words(), return_dtype=pl.String
    )
    return _export(
        rows.select(list(pages.EXPORTED)).with_columns(levels),
        list(pages.EXPORTED.values()),
        kind,
        f"campaign-{found.pk}",
    )


def _export(rows: pl.LazyFrame, headings: list[Any], kind: str, name: str) -> StreamingHttpResponse:
    """Rows as a file that leaves while it is made.

    Raises:
        UsageError: more rows than a sheet of Excel holds.
    """
    words = [str(heading) for heading in headings]
    if kind == "csv":
        response = StreamingHttpResponse(
            csv_pieces(words, browse.in_batches(rows), pages.language()), content_type="text/csv; charset=utf-8"
        )
    else:
        if (count := rows.select(pl.len()).collect().item()) > MOST_ROWS:
            raise UsageError(
                translatable("{count} rows are more than a sheet of Excel holds ({most})."),
                hint=translatable("Filter them first, or take the CSV."),
                count=count,
                most=MOST_ROWS,
            )
        response = StreamingHttpResponse(workbook_pieces(name, words, browse.in_batches(rows)), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@needs(Right.READ)
@require_safe
def result(request: HttpRequest, campaign: int) -> HttpResponseBase:
    """The result itself: every pair, with everything that the version had read."""
    del request
    found = selectors.find_campaign(campaign)
    selectors.result_of(found)
    return FileResponse(
        campaign_path(found.result_sha256).open("rb"),
        as_attachment=True,
        filename=f"campaign-{found.pk}.parquet",
        content_type="application/vnd.apache.parquet",
    )


# --- A pair -----------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def pair(request: HttpRequest, campaign: int) -> HttpResponse:
    """What a campaign says of one pair, why, and what the campaign before said of it."""
    found = selectors.find_campaign(campaign)
    role, skill = (request.GET.get(name, "").strip()[: schema.NAME_MAX_LENGTH] for name in ("role", "skill"))
    row = browse.find_pair(selectors.result_of(found), role, skill)
    context: dict[str, Any] = {
        "section": "campaigns",
        "campaign": found,
        "name": name_of(found),
        "role": role,
        "skill": skill,
    }
    if row is None:
        return render(request, "campaigns/pair.html", context, status=404)
    before = selectors.campaign_before(found)
    said_before = browse.find_pair(selectors.result_of(before), role, skill) if before else None
    why, no_reasons = _why(found, [row], why_high)
    language = pages.language()
    context |= {
        "row": row,
        "shares": [(level, row[level.lower()]) for level in schema.LEVELS],
        "warnings": _warnings(row["warnings"]),
        "before": before,
        "before_name": name_of(before) if before else "",
        "said_before": said_before,
        "why": why[0] if why else "",
        "no_reasons": no_reasons,
        "inputs": [
            (FEATURE_NAMES[language][name], value_text(name, row[name], language))
            for name in row
            if name not in {*ANSWERS, *FACTS} or name == schema.CURRENT_LEVEL
        ],
        "pair": _pair_address(row),
        "decided": DecidedPart.of(role, skill, f"campaign={found.pk}&{_pair_address(row)[1:]}"),
    }
    return render(request, "campaigns/pair.html", context)


def _why(
    campaign: Campaign, rows: list[dict[str, Any]], say: Callable[[Reasons, Language], str]
) -> tuple[list[str], str]:
    """Why P(HIGH) is what it is, of each row; or nothing, and why not."""
    try:
        reasons = reasons_of(campaign, rows)
    except ReasonsUnavailableError as error:
        return [], error.explain(gettext)
    return [say(one, pages.language()) for one in reasons], ""


# --- Rising skills ----------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def rising(request: HttpRequest, campaign: int) -> HttpResponse:
    """The watch-list: of each department, the pairs likeliest to become HIGH; with reasons, of one department."""
    found = selectors.find_campaign(campaign)
    selectors.result_of(found)
    asked, overrides = request.GET.get("department", "").strip(), OVERRIDES.now()
    listed: dict[str, list[RisingPair]] = {}
    for one in RisingPair.objects.filter(campaign=found):
        listed.setdefault(one.department, []).append(one)
    shown = {asked: listed[asked]} if asked in listed else listed
    why: dict[int, str] = {}
    no_reasons = ""
    if asked in listed:
        why, no_reasons = _why_listed(found, listed[asked])
    context = {
        "section": "campaigns",
        "campaign": found,
        "name": name_of(found),
        "asked": asked if asked in listed else "",
        "departments": _choices(listed, asked),
        "lists": [
            (
                department,
                "?" + urlencode({"department": department}),
                [(one, _rising_address(one), why.get(one.pk, ""), overrides.of(one.role, one.skill)) for one in rows],
            )
            for department, rows in shown.items()
        ],
        "top": TOP,
        "no_reasons": no_reasons,
        "notices": [gettext("No pair of “{name}” is on the list.").format(name=asked[:80])]
        if asked and asked not in listed
        else [],
    }
    return render(request, "campaigns/rising.html", context)


def _rising_address(one: RisingPair) -> str:
    return "?" + urlencode({"role": one.role, "skill": one.skill})


def _why_listed(campaign: Campaign, listed: list[RisingPair]) -> tuple[dict[int, str], str]:
    """Why P(HIGH) is what it is, of each pair of a list by its key; or nothing, and why not."""
    names = pl.DataFrame(
        {schema.ROLE: [one.role for one in listed], schema.SKILL: [one.skill for one in listed]}
    ).lazy()
    of_department = selectors.result_of(campaign).filter(pl.col(schema.DEPARTMENT) == listed[0].department)
    rows = names.join(of_department, on=(schema.ROLE, schema.SKILL), how="left", maintain_order="left").collect()
    why, no_reasons = _why(campaign, rows.to_dicts(), briefly)
    return dict(zip((one.pk for one in listed), why, strict=False)), no_reasons


# --- Changes since another campaign -----------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def changes(request: HttpRequest, campaign: int) -> HttpResponse:
    """What is different since another campaign, and why; since the one before unless ``since`` says otherwise."""
    after = selectors.find_campaign(campaign)
    selectors.result_of(after)
    query = ChangesQuery.of(request)
    before = selectors.find_campaign(query.since) if query.since else selectors.campaign_before(after)
    context: dict[str, Any] = {
        "section": "campaigns",
        "campaign": after,
        "name": name_of(after),
        "query": query,
        "others": [(one, name_of(one)) for one in selectors.finished_beside(after)],
        "before": before,
        "notices": query.notices,
    }
    if before is None:
        return render(request, "campaigns/changes.html", context)
    comparison = compare(before, after)
    matching = changes_matching(comparison.changes, query)
    page = browse.pairs_page(matching, changes_sorted(matching), page=query.page, notices=query.notices)
    context |= _compared(comparison) | {
        "before_name": name_of(before),
        "page": page,
        "rows": change_rows(page.rows),
        "kinds": query.kind_choices(),
        "reasons": query.reason_choices(),
        "previous": query.address(page=page.number - 1) if page.number > 1 else "",
        "next": query.address(page=page.number + 1) if page.number < page.pages else "",
        "export": query.address(page=1),
        "notices": page.notices,
    }
    return render(request, "campaigns/changes.html", context)


def _compared(comparison: Comparison) -> dict[str, Any]:
    counted = comparison.counted()
    kinds: dict[str, int] = dict(counted.group_by("kind").agg(pl.col("pairs").sum()).iter_rows())
    by_reason = counted.filter(pl.col("reason").is_not_null()).group_by("reason").agg(pl.col("pairs").sum())
    reasons: dict[str, int] = dict.fromkeys(REASON_NAMES, 0) | dict(by_reason.iter_rows())
    changed = kinds.get("changed", 0)
    return {
        "sentence": changes_sentence(changed, kinds.get("came", 0), kinds.get("went", 0)),
        "why": reasons_sentence(reasons, changed) if changed else "",
        "same_version": comparison.same_version,
        "moves": [
            (move["level_before"], move["level_after"], REASON_NAMES.get(move["reason"] or "", "—"), move["pairs"])
            for move in counted.iter_rows(named=True)
        ],
    }


@needs(Right.READ)
@require_safe
def changes_csv(request: HttpRequest, campaign: int) -> StreamingHttpResponse:
    """The changes that the filters keep, as a file that a spreadsheet opens in the active language."""
    return _exported_changes(request, campaign, "csv")


@needs(Right.READ)
@require_safe
def changes_xlsx(request: HttpRequest, campaign: int) -> StreamingHttpResponse:
    """The same changes as an Excel workbook."""
    return _exported_changes(request, campaign, "xlsx")


def _exported_changes(request: HttpRequest, campaign: int, kind: str) -> StreamingHttpResponse:
    after, query = selectors.find_campaign(campaign), ChangesQuery.of(request)
    selectors.result_of(after)
    before = selectors.find_campaign(query.since) if query.since else selectors.campaign_before(after)
    if before is None:
        raise DataError(translatable("No campaign was finished before campaign {campaign}."), campaign=after.pk)
    rows, words = exported_changes(changes_sorted(changes_matching(compare(before, after).changes, query)))
    return _export(rows, words, kind, f"campaigns-{before.pk}-{after.pk}")
