"""French names of the simulated company: departments, job roles, skill categories, skills, and what suits whom.

An industrial group of about 8 000 people, invented for the demonstration: salaries and headcounts are orders of
magnitude, not statistics.
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from future_skills.schema import NAME_MAX_LENGTH

RISING: Final = 1
STEADY: Final = 0
DECLINING: Final = -1


@dataclass(frozen=True, slots=True)
class RoleEntry:
    """A job role of the catalogue.

    Attributes:
        code: unique code, such as ``SI-01``.
        name: French name.
        department: index in ``DEPARTMENTS``.
        salary_k: gross yearly salary, thousands of euros.
        headcount: people in the role, 1 or more.
    """

    code: str
    name: str
    department: int
    salary_k: float
    headcount: int


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """A skill of the catalogue.

    Attributes:
        name: French name.
        category: index in ``CATEGORIES``.
        direction: ``RISING``, ``STEADY`` or ``DECLINING``: which technology wave it may ride.
    """

    name: str
    category: int
    direction: int


_ROLES: Final[tuple[tuple[str, str, tuple[tuple[str, float, int], ...]], ...]] = (
    (
        "PR",
        "Production industrielle",
        (
            ("Opérateur de production", 26.0, 1920),
            ("Conducteur de ligne automatisée", 30.5, 680),
            ("Technicien de maintenance industrielle", 34.0, 368),
            ("Responsable d’atelier", 46.0, 112),
        ),
    ),
    (
        "SI",
        "Systèmes d’information",
        (
            ("Développeur logiciel", 46.0, 304),
            ("Administrateur systèmes et réseaux", 42.0, 136),
            ("Analyste de données", 45.0, 96),
            ("Expert en cybersécurité", 58.0, 56),
        ),
    ),
    (
        "FI",
        "Finance et comptabilité",
        (
            ("Comptable général", 35.0, 208),
            ("Contrôleur de gestion", 48.0, 104),
            ("Trésorier d’entreprise", 56.0, 40),
            ("Auditeur interne", 52.0, 48),
        ),
    ),
    (
        "RH",
        "Ressources humaines",
        (
            ("Chargé de recrutement", 37.0, 88),
            ("Gestionnaire de paie", 34.5, 80),
            ("Responsable de la formation", 49.0, 48),
            ("Chargé des relations sociales", 47.0, 40),
        ),
    ),
    (
        "LA",
        "Logistique et achats",
        (
            ("Préparateur de commandes", 25.0, 960),
            ("Gestionnaire de stocks", 29.0, 256),
            ("Acheteur industriel", 47.0, 120),
            ("Responsable des transports", 45.0, 64),
        ),
    ),
    (
        "SE",
        "Santé, sécurité, environnement",
        (
            ("Infirmier de santé au travail", 37.0, 48),
            ("Animateur sécurité", 38.0, 72),
            ("Ingénieur environnement", 47.0, 56),
            ("Ergonome", 44.0, 32),
        ),
    ),
    (
        "CM",
        "Commercial et marketing",
        (
            ("Technico-commercial", 43.0, 432),
            ("Chargé de clientèle", 33.0, 320),
            ("Chef de produit", 50.0, 96),
            ("Responsable du marketing numérique", 52.0, 48),
        ),
    ),
    (
        "RD",
        "Recherche et développement",
        (
            ("Ingénieur de recherche", 53.0, 224),
            ("Ingénieur en conception mécanique", 49.0, 192),
            ("Technicien de laboratoire", 33.0, 176),
            ("Chef de projet innovation", 58.0, 72),
        ),
    ),
    (
        "JU",
        "Juridique et conformité",
        (
            ("Juriste d’entreprise", 52.0, 72),
            ("Responsable de la conformité", 62.0, 40),
            ("Délégué à la protection des données", 60.0, 24),
            ("Assistant juridique", 33.0, 64),
        ),
    ),
    (
        "QM",
        "Qualité et méthodes",
        (
            ("Ingénieur qualité", 46.0, 120),
            ("Technicien méthodes", 35.0, 152),
            ("Contrôleur qualité", 30.0, 216),
            ("Responsable de l’amélioration continue", 54.0, 48),
        ),
    ),
)

_SKILLS: Final[tuple[tuple[str, tuple[tuple[str, int], ...]], ...]] = (
    (
        "Données et intelligence artificielle",
        (
            ("IA générative appliquée au métier", RISING),
            ("Analyse statistique", STEADY),
            ("Visualisation de données", RISING),
            ("Requêtes SQL", STEADY),
            ("Programmation Python", RISING),
            ("Tableurs et macros VBA", DECLINING),
            ("Apprentissage automatique", RISING),
            ("Gouvernance des données", RISING),
            ("Informatique décisionnelle", STEADY),
            ("Évaluation de modèles d’IA", RISING),
        ),
    ),
    (
        "Développement et infrastructures",
        (
            ("Informatique en nuage", RISING),
            ("Développement web", STEADY),
            ("Développement Java", STEADY),
            ("Progiciel de gestion intégré", STEADY),
            ("Maintenance d’applications COBOL", DECLINING),
            ("Conteneurs et orchestration", RISING),
            ("Administration Linux", STEADY),
            ("Tests automatisés", STEADY),
            ("Architecture d’API", RISING),
            ("Intégration continue", STEADY),
        ),
    ),
    (
        "Cybersécurité et protection des données",
        (
            ("Protection des données personnelles (RGPD)", STEADY),
            ("Sensibilisation à l’hameçonnage", STEADY),
            ("Directive NIS 2", RISING),
            ("Gestion des identités et des accès", STEADY),
            ("Cybersécurité industrielle", RISING),
            ("Réponse aux incidents", RISING),
            ("Analyse de risques numériques", STEADY),
            ("Continuité d’activité", STEADY),
            ("Tests d’intrusion", STEADY),
            ("Sauvegarde sur bande magnétique", DECLINING),
        ),
    ),
    (
        "Production et maintenance",
        (
            ("Conduite de machines à commande numérique", STEADY),
            ("Maintenance préventive", STEADY),
            ("Maintenance prédictive", RISING),
            ("Robotique collaborative", RISING),
            ("Usinage conventionnel", DECLINING),
            ("Automates programmables", STEADY),
            ("Lecture de plans", STEADY),
            ("Fabrication additive", RISING),
            ("Soudage", STEADY),
            ("Jumeau numérique", RISING),
        ),
    ),
    (
        "Qualité et amélioration continue",
        (
            ("Résolution de problèmes", STEADY),
            ("Norme ISO 9001", STEADY),
            ("Lean manufacturing", STEADY),
            ("Audit qualité", STEADY),
            ("Relevés de contrôle sur papier", DECLINING),
            ("Maîtrise statistique des procédés", STEADY),
            ("Traçabilité numérique", RISING),
            ("Métrologie", STEADY),
            ("AMDEC", STEADY),
            ("Contrôle par vision artificielle", RISING),
        ),
    ),
    (
        "Finance et gestion",
        (
            ("Contrôle budgétaire", STEADY),
            ("Comptabilité générale", STEADY),
            ("Facturation électronique", RISING),
            ("Rapport de durabilité (CSRD)", RISING),
            ("Saisie comptable manuelle", DECLINING),
            ("Normes IFRS", STEADY),
            ("Gestion de trésorerie", STEADY),
            ("Modélisation financière", STEADY),
            ("Consolidation des comptes", STEADY),
            ("Fiscalité des entreprises", STEADY),
        ),
    ),
    (
        "Gestion des ressources humaines",
        (
            ("Conduite d’entretiens professionnels", STEADY),
            ("Recrutement", STEADY),
            ("Gestion des emplois et des parcours", RISING),
            ("Gestion de la paie", STEADY),
            ("Dossiers du personnel sur papier", DECLINING),
            ("Ingénierie de formation", STEADY),
            ("Dialogue social", STEADY),
            ("Qualité de vie et conditions de travail", RISING),
            ("Marque employeur", STEADY),
            ("Système d’information des ressources humaines", STEADY),
        ),
    ),
    (
        "Logistique et approvisionnements",
        (
            ("Gestion des stocks", STEADY),
            ("Conduite de chariots élévateurs", STEADY),
            ("Achats responsables", RISING),
            ("Planification des approvisionnements", STEADY),
            ("Bons de commande sur papier", DECLINING),
            ("Négociation d’achats", STEADY),
            ("Logiciel de gestion d’entrepôt", RISING),
            ("Réglementation douanière", STEADY),
            ("Évaluation des fournisseurs", STEADY),
            ("Transport multimodal", STEADY),
        ),
    ),
    (
        "Santé, sécurité et environnement",
        (
            ("Évaluation des risques professionnels", STEADY),
            ("Premiers secours au travail", STEADY),
            ("Bilan carbone", RISING),
            ("Prévention des risques psychosociaux", RISING),
            ("Prévention des troubles musculosquelettiques", STEADY),
            ("Habilitation électrique", STEADY),
            ("Économie circulaire", RISING),
            ("Prévention du risque chimique", STEADY),
            ("Norme ISO 14001", STEADY),
            ("Gestion des déchets", STEADY),
        ),
    ),
    (
        "Commerce et relation client",
        (
            ("Relation client", STEADY),
            ("Négociation commerciale", STEADY),
            ("Outil de gestion de la relation client", STEADY),
            ("Commerce en ligne", RISING),
            ("Démarchage téléphonique", DECLINING),
            ("Marketing numérique", RISING),
            ("Réponse aux appels d’offres", STEADY),
            ("Études de marché", STEADY),
            ("Prospection commerciale", STEADY),
            ("Référencement web", DECLINING),
        ),
    ),
    (
        "Droit et conformité",
        (
            ("Veille réglementaire", STEADY),
            ("Droit des contrats", STEADY),
            ("Règlement européen sur l’IA", RISING),
            ("Droit du travail", STEADY),
            ("Archivage sur papier", DECLINING),
            ("Conformité anticorruption (Sapin II)", STEADY),
            ("Devoir de vigilance", RISING),
            ("Propriété intellectuelle", STEADY),
            ("Droit de la concurrence", STEADY),
            ("Gestion des contentieux", STEADY),
        ),
    ),
    (
        "Compétences transversales",
        (
            ("Anglais professionnel", STEADY),
            ("Gestion de projet", STEADY),
            ("Travail en équipe", STEADY),
            ("Conduite du changement", RISING),
            ("Communication écrite", STEADY),
            ("Management à distance", RISING),
            ("Esprit critique face aux contenus générés", RISING),
            ("Transmission des savoir-faire", STEADY),
            ("Allemand professionnel", STEADY),
            ("Reprographie et courrier papier", DECLINING),
        ),
    ),
)

DEPARTMENTS: Final = tuple(department for _, department, _ in _ROLES)
"""Names of the departments."""

CATEGORIES: Final = tuple(category for category, _ in _SKILLS)
"""Names of the skill categories."""

# One row a department, one column a category, in the orders above: 0 foreign to the work … 3 at its heart.
SUITABILITY: Final = (
    (0, 0, 0, 3, 2, 0, 0, 2, 2, 0, 0, 1),  # Production industrielle
    (3, 3, 3, 0, 1, 0, 0, 0, 0, 0, 1, 2),  # Systèmes d’information
    (2, 0, 1, 0, 0, 3, 0, 1, 0, 0, 2, 2),  # Finance et comptabilité
    (1, 0, 1, 0, 0, 1, 3, 0, 2, 0, 2, 3),  # Ressources humaines
    (1, 0, 0, 1, 1, 1, 0, 3, 1, 1, 1, 2),  # Logistique et achats
    (1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 1, 2),  # Santé, sécurité, environnement
    (1, 1, 0, 0, 0, 1, 0, 1, 0, 3, 1, 3),  # Commercial et marketing
    (3, 1, 0, 2, 2, 0, 0, 0, 1, 0, 1, 2),  # Recherche et développement
    (1, 0, 2, 0, 0, 1, 1, 0, 1, 0, 3, 2),  # Juridique et conformité
    (2, 0, 0, 2, 3, 0, 0, 1, 2, 0, 1, 2),  # Qualité et méthodes
)
"""How much each category of skills belongs to the work of each department, 0 to 3."""


def roles(count: int) -> tuple[RoleEntry, ...]:
    """The first ``count`` job roles, one department after the other; beyond the catalogue, numbered variants."""
    by_department = [
        [
            RoleEntry(f"{prefix}-{rank:02d}", name, department, salary_k, headcount)
            for rank, (name, salary_k, headcount) in enumerate(entries, start=1)
        ]
        for department, (prefix, _, entries) in enumerate(_ROLES)
    ]
    catalogue = [entry for turn in zip_longest(*by_department) for entry in turn if entry]
    return tuple(_role_variant(catalogue[i % len(catalogue)], i // len(catalogue)) for i in range(count))


def skills(count: int) -> tuple[SkillEntry, ...]:
    """The first ``count`` skills, one category after the other; beyond the catalogue, numbered variants."""
    by_category = [
        [SkillEntry(name, category, direction) for name, direction in entries]
        for category, (_, entries) in enumerate(_SKILLS)
    ]
    catalogue = [entry for turn in zip_longest(*by_category) for entry in turn if entry]
    return tuple(_skill_variant(catalogue[i % len(catalogue)], i // len(catalogue)) for i in range(count))


def _role_variant(entry: RoleEntry, turn: int) -> RoleEntry:
    if turn == 0:
        return entry
    return RoleEntry(
        f"{entry.code}-{turn + 1}",
        _numbered(entry.name, turn),
        entry.department,
        entry.salary_k,
        entry.headcount,
    )


def _skill_variant(entry: SkillEntry, turn: int) -> SkillEntry:
    return SkillEntry(_numbered(entry.name, turn), entry.category, entry.direction) if turn else entry


def _numbered(name: str, turn: int) -> str:
    suffix = f" – variante {turn + 1}"
    return name[: NAME_MAX_LENGTH - len(suffix)] + suffix
