"""The settings, read by a process of its own: what is safe by default, and what is refused at start."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]

SHOW = """
import json, sys
from config import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def start(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python on an installation of its own, where nothing is set but ``environment``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FUTURE_SKILLS_", "DJANGO_"))}
    places = {"FUTURE_SKILLS_VAR": str(folder / "var"), "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"}
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=kept | places | environment,
    )


def read(folder: Path, *names: str, **environment: str) -> dict[str, object]:
    done = start(folder, "-c", SHOW, *names, **environment)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


COOKIES = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE")


# --- Safe by default ----------------------------------------------------------------------------------------------------
def test_djangos_check_of_a_deployment_finds_nothing(tmp_path: Path) -> None:
    words = ("manage.py", "check", "--deploy", "--fail-level", "INFO")
    done = start(tmp_path, *words, FUTURE_SKILLS_HOSTS="example.org")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues (0 silenced)" in done.stdout


def test_a_server_with_a_name_of_its_own_is_encrypted(tmp_path: Path) -> None:
    names = ("HTTPS", *COOKIES, "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "DEBUG")
    found = read(tmp_path, *names, FUTURE_SKILLS_HOSTS="example.org,localhost")
    assert all(found[name] is True for name in ("HTTPS", *COOKIES, "SECURE_SSL_REDIRECT"))
    assert (found["SECURE_HSTS_SECONDS"], found["DEBUG"]) == (31_536_000, False)


def test_on_this_machine_alone_nothing_has_to_be(tmp_path: Path) -> None:
    found = read(tmp_path, "HTTPS", *COOKIES, "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "DEBUG")
    assert not any(found.values())
    assert read(tmp_path, "HTTPS", FUTURE_SKILLS_HTTPS="yes") == {"HTTPS": True}
    assert read(tmp_path, "HTTPS", FUTURE_SKILLS_HTTPS="no", FUTURE_SKILLS_HOSTS="example.org") == {"HTTPS": False}


def test_cookies_are_closed_to_scripts_and_to_other_sites() -> None:
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.CSRF_COOKIE_HTTPONLY
    assert {settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE, settings.LANGUAGE_COOKIE_SAMESITE} == {
        "Lax"
    }


def test_passwords_are_kept_as_argon2() -> None:
    from django.contrib.auth.hashers import get_hasher

    assert get_hasher().algorithm == "argon2"


# --- The secret key -----------------------------------------------------------------------------------------------------
def test_each_installation_makes_its_own_secret_key(tmp_path: Path) -> None:
    first = read(tmp_path / "first", "SECRET_KEY")
    assert read(tmp_path / "first", "SECRET_KEY") == first
    assert read(tmp_path / "second", "SECRET_KEY") != first
    path = tmp_path / "first" / "var" / "secret_key"
    assert path.read_text() == first["SECRET_KEY"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("debug", ["yes", "no"])
def test_no_secret_is_written_in_the_sources(tmp_path: Path, debug: str) -> None:
    key = str(read(tmp_path, "SECRET_KEY", FUTURE_SKILLS_DEBUG=debug)["SECRET_KEY"])
    assert len(key) >= 50
    assert key not in (ROOT / "config" / "settings.py").read_text(encoding="utf-8")


def test_the_environment_may_give_the_key(tmp_path: Path) -> None:
    found = read(tmp_path, "SECRET_KEY", FUTURE_SKILLS_SECRET_KEY="k" * 60)
    assert found == {"SECRET_KEY": "k" * 60}
    assert not (tmp_path / "var").exists()


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret_key").touch()
    done = start(tmp_path, "manage.py", "check")
    assert done.returncode == 1
    assert "does not hold a secret key" in done.stderr
    assert "Traceback" not in done.stderr


# --- Refused at start ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["drh_reviewer", "administrator", "data scientist"])
def test_the_user_of_the_system_cannot_be_told_to_be_a_reviewer(tmp_path: Path, role: str) -> None:
    done = start(tmp_path, "manage.py", "check", FUTURE_SKILLS_SYSTEM_ROLES=f"operator,{role}")
    assert done.returncode == 1
    assert done.stderr.startswith("FUTURE_SKILLS_SYSTEM_ROLES must be of data_scientist, operator, auditor, or none")


def test_a_script_says_it_as_a_command_does(tmp_path: Path) -> None:
    done = start(tmp_path, "ml/evaluate_future_skills_models.py", FUTURE_SKILLS_SYSTEM_ROLES="drh_reviewer")
    assert done.returncode == 1
    assert "FUTURE_SKILLS_SYSTEM_ROLES must be" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_user_of_the_system_may_be_nobody(tmp_path: Path) -> None:
    assert start(tmp_path, "manage.py", "check", FUTURE_SKILLS_SYSTEM_ROLES="none").returncode == 0
    assert read(tmp_path, "FUTURE_SKILLS_SYSTEM_ROLES", FUTURE_SKILLS_SYSTEM_ROLES="none") == {
        "FUTURE_SKILLS_SYSTEM_ROLES": []
    }


def test_the_store_may_be_any_storage_of_django(tmp_path: Path) -> None:
    storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "bucket")},
    }
    found = read(tmp_path, "STORAGES", FUTURE_SKILLS_ARTIFACTS_STORAGE=json.dumps(storage))["STORAGES"]
    assert isinstance(found, dict)
    assert (found["artifacts"], set(found)) == (storage, {"artifacts", "default", "staticfiles"})
    assert "artifacts" not in str(read(tmp_path, "STORAGES"))


@pytest.mark.parametrize("text", ["s3", "[]", "{}", '{"BACKEND": "a.B", "LOCATION": "x"}'])
def test_what_is_no_storage_is_refused(tmp_path: Path, text: str) -> None:
    done = start(tmp_path, "manage.py", "check", FUTURE_SKILLS_ARTIFACTS_STORAGE=text)
    assert done.returncode == 1
    assert done.stderr.startswith("FUTURE_SKILLS_ARTIFACTS_STORAGE must be a storage in JSON")


def test_types_that_a_model_may_use_besides_are_named_one_by_one(tmp_path: Path) -> None:
    assert read(tmp_path, "FUTURE_SKILLS_ALLOWED_TYPES") == {"FUTURE_SKILLS_ALLOWED_TYPES": []}
    found = read(tmp_path, "FUTURE_SKILLS_ALLOWED_TYPES", FUTURE_SKILLS_ALLOWED_TYPES="a.b.C, d.E")
    assert found == {"FUTURE_SKILLS_ALLOWED_TYPES": ["a.b.C", "d.E"]}


@pytest.mark.parametrize("name", ["FUTURE_SKILLS_DEBUG", "FUTURE_SKILLS_HTTPS"])
def test_neither_yes_nor_no_is_refused(tmp_path: Path, name: str) -> None:
    done = start(tmp_path, "manage.py", "check", **{name: "perhaps"})
    assert (done.returncode, done.stderr.strip()) == (1, f"{name} must be yes or no, not 'perhaps'.")


@pytest.mark.parametrize(("months", "code"), [("26", 1), ("27", 0), ("5", 1), ("two", 1), ("-1", 1), ("1201", 1)])
def test_predictions_are_kept_until_it_is_known_whether_they_came_true(tmp_path: Path, months: str, code: int) -> None:
    done = start(tmp_path, "manage.py", "check", FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS=months)
    assert done.returncode == code
    if code:
        assert done.stderr.startswith("FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS must be ")
        assert "Traceback" not in done.stderr


def test_a_whole_number_out_of_range_is_refused(tmp_path: Path) -> None:
    for name, value in {"FUTURE_SKILLS_REQUESTS_PER_MINUTE": "0", "FUTURE_SKILLS_BODY_MB": "1.5"}.items():
        done = start(tmp_path, "manage.py", "check", **{name: value})
        assert (done.returncode, done.stderr.partition(" must be a whole number from 1 to ")[0]) == (1, name)
    found = read(tmp_path, "DATA_UPLOAD_MAX_MEMORY_SIZE", FUTURE_SKILLS_BODY_MB="2")
    assert found == {"DATA_UPLOAD_MAX_MEMORY_SIZE": 2 * 1024 * 1024}
