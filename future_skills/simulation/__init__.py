"""A simulated company whose hidden processes, and so whose truth, are known. See ``docs/demo_company.md``."""

from future_skills.simulation.company import SimulatedCompany, simulate_company
from future_skills.simulation.parameters import DEFAULT_PARAMETERS, CompanyParameters

__all__ = ["DEFAULT_PARAMETERS", "CompanyParameters", "SimulatedCompany", "simulate_company"]
