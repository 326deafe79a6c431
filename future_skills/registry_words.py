"""The sentences of MODEL_REGISTRY.md that do not change from one registry to the next, in French."""

import re
from typing import Final

from future_skills import formatting as fmt
from future_skills.lifecycle import Stage
from future_skills.schema import HIGH, LOW, MEDIUM
from future_skills.targets import ACCURACY, F1_WEIGHTED, PRECISION

NBSP: Final = "\u00a0"
THIN: Final = fmt.THIN


def typeset(text: str) -> str:
    """French spaces before ``: ; ! ? %`` and inside « », outside code.

    Args:
        text: Markdown whose code stands between backticks.
    """
    pieces = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.DOTALL)
    for place in range(0, len(pieces), 2):
        piece = re.sub(r" (?=[;!?%])", THIN, pieces[place])
        pieces[place] = re.sub(r" (?=[:»])|(?<=«) ", NBSP, piece)
    return "".join(pieces)


GENERATED: Final = (
    "<!-- Page écrite par « manage.py registry render » à chaque changement du registre : ne pas la modifier. -->"
)

EMPTY: Final = typeset(
    "**Aucune version n'est enregistrée.** Cette page les décrira une à une dès le premier entraînement :\n\n"
    "```bash\n"
    "python manage.py import_snapshots releves.csv\n"
    "python manage.py export_future_skills_dataset\n"
    "python ml/train_future_skills_model.py --version v1\n"
    "```"
)

EMPTY_DETAILS: Final = typeset(
    "Pour chaque version : date d'entraînement, jeu de données, variables, hyperparamètres, métriques à côté de "
    "« comme aujourd'hui » sur les mêmes lignes, émergence, fichiers et leurs empreintes, changements, notes."
)

NOTHING_LIVE: Final = typeset("Aucune version n'est en production.")

STAGES: Final = {
    Stage.CANDIDATE: "candidate",
    Stage.GATE_PASSED: "critères remplis",
    Stage.APPROVED: "approuvée",
    Stage.LIVE: "en production",
    Stage.RETIRED: "autrefois en production",
    Stage.REJECTED: "refusée",
    Stage.RETRACTED: "retirée",
}

KINDS: Final = {"deploy": "mise en production", "rollback": "retour arrière", "pin": "épinglée par la configuration"}
"""How a version came into production."""

HISTORY_LEGEND: Final = typeset(
    "Samples : lignes du jeu de données. Accuracy et F1-Score (pondéré) : sur les lignes de test de la version, plus "
    "récentes que celles de l'entraînement quand le découpage suit le temps. N_estimators : nombre d'arbres, "
    "« — » quand l'algorithme n'en a pas."
)

USAGE: Final = typeset(
    """\
```bash
python manage.py import_snapshots releves.csv          # faits RH : CSV, Parquet ou Excel
python manage.py export_future_skills_dataset          # jeu de données : ml/future_skills_dataset.csv
python ml/train_future_skills_model.py --version v2 --n-estimators 300 --output ml/future_skills_model_v2.pkl
python ml/evaluate_future_skills_models.py             # toutes les versions, sur les mêmes lignes
python manage.py registry list
python manage.py registry show v2
python manage.py registry compare v1 v2
python manage.py registry note v2 "Ce qui a changé, et pourquoi."
python manage.py registry reproduce v2                 # entraîne à nouveau et compare
python manage.py registry gate v2                      # critères de promotion, un à un
python manage.py registry sample v2 --size 60 --seed 1 # échantillon de validation manuel
python manage.py registry approve v2 --team data       # puis --team drh, par une autre personne
python manage.py registry deploy v2                    # mise en production
python manage.py registry live                         # ce qui est en production
python manage.py registry rollback --reason "Pourquoi" # retour arrière
```

Dans un notebook, sans base de données :

```python
from future_skills import load_version

version = load_version("ml/future_skills_model_v2.pkl")  # les empreintes sont vérifiées avant l'ouverture
columns = list(version.manifest.features.columns)
probabilities = version.model.predict_proba(rows[columns])  # rows : DataFrame pandas ou Polars
```

Un nom de version ne sert qu'une fois, même si la version est retirée (`registry retract`). Chaque commande et chaque
option sont expliquées dans le [guide](../ml/MLOPS_GUIDE.md)."""
)

TARGET_HEADS: Final = ("Mesure", "Cible", "Observé", "Atteinte ?")

TARGETS: Final = (
    ("Exactitude (accuracy)", f">{NBSP}{fmt.percent(ACCURACY, 'fr', 0)}"),
    ("F1 pondéré", f">{NBSP}{fmt.decimal(F1_WEIGHTED, 'fr', 2)}"),
    *((f"Précision {level}", f">{NBSP}{fmt.percent(PRECISION[level], 'fr', 0)}") for level in (LOW, MEDIUM, HIGH)),
)
"""Name and requirement of each target, in the order of ``targets.targets``."""

NO_TARGETS: Final = typeset("Aucune version utilisable : les cibles seront comparées à la plus récente.")

PROMOTION: Final = typeset(
    """\
Une version est promue si :

1. son accuracy est supérieure ou égale à celle de la version précédente, **ou** son F1 pondéré gagne plus de 0,02 ;
2. **et** aucune classe n'a une précision inférieure à 60 % ;
3. **et** elle a été testée sur un échantillon de validation manuel ;
4. **et** elle est approuvée par les équipes Data et DRH.

Les deux versions se comparent sur les mêmes lignes de test (`python manage.py registry compare v1 v2`), jamais par deux
chiffres mesurés sur des lignes différentes. `python manage.py registry gate v2` vérifie cette règle à la lettre, puis un
second verrou statistique : pas moins bonne que la version précédente ni que « comme aujourd'hui », à une marge près. Le
rapport est figé ; les approbations portent sur lui, et tombent avec lui."""
)

WORKFLOW: Final = typeset(
    """\
```mermaid
flowchart TD
    facts["Faits RH : un relevé par période"] --> dataset["Jeu de données"]
    dataset --> training["Entraînement"]
    training --> version["Version : modèle .pkl et manifeste .json"]
    version --> evaluation["Évaluation de toutes les versions sur les mêmes lignes"]
    evaluation --> gate{"Critères de promotion ?"}
    gate -- "non" --> diagnosis["Dépannage"]
    diagnosis --> training
    gate -- "oui" --> sample["Échantillon de validation manuel"]
    sample --> approvals["Approbations Data et DRH"]
    approvals --> production["Mise en production"]
    production -- "retour arrière" --> production
    production -.-> monitoring["Suivi continu"]
    monitoring -.-> drift{"Dérive détectée ?"}
    drift -. "non" .-> monitoring
    drift -. "oui" .-> facts
```

Traits pleins : ce que font les commandes du guide et les pages. Pointillés : ce que font encore les équipes."""
)

TROUBLESHOOTING: Final = typeset(
    """\
Une version est moins bonne que prévu ? `python manage.py registry diagnose VERSION` déroule les quatre étapes :

1. **Distribution des classes** : celle des lignes de test et celle des lignes d'entraînement. Un niveau devenu plus rare
   ou plus fréquent change toutes les précisions.
2. **Importance des variables** : ce qui a bougé depuis la version précédente. Une variable qui s'effondre est souvent
   une colonne mal remplie.
3. **Pires erreurs** : par métier, par compétence, par confiance, les confusions LOW ↔ HIGH d'abord.
4. **Version à laquelle revenir** : la meilleure des versions précédentes sur les mêmes lignes."""
)

DRIFT: Final = typeset(
    """\
À regarder à chaque nouveau relevé :

- l'accuracy baisse de relevé en relevé une fois les besoins observés (« baisse progressive ») ;
- la part de LOW, MEDIUM ou HIGH s'éloigne de celle de l'entraînement ;
- une variable sort de la plage vue à l'entraînement, ou manque plus souvent (`profile` du manifeste) ;
- des métiers, des compétences ou des catégories inconnus du modèle apparaissent : une nouvelle pour la DRH, une
  limite pour le modèle ;
- l'indicateur économique prend une valeur jamais vue à l'entraînement ;
- le modèle ne fait plus mieux que « comme aujourd'hui » ;
- la DRH conteste souvent les niveaux proposés.

Que faire : importer le dernier relevé, exporter, évaluer toutes les versions sur la période la plus récente, puis
entraîner une nouvelle version si l'écart se confirme."""
)

REFERENCES: Final = typeset(
    """\
- [Guide MLOps](../ml/MLOPS_GUIDE.md) : toutes les commandes, les réglages, les définitions
- [Glossaire](../docs/glossary.md) et [notes de décision](../docs/decisions/README.md) (en anglais)
- [Schéma du manifeste](../docs/manifest.schema.json) : JSON Schema du fichier `.json` de chaque version
- [Données d'exemple](../examples/onet/README.md) : sources, licences, attributions
- [Journal des changements](../CHANGELOG.md) du produit"""
)
