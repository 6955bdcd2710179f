"""Places: where job and model lie, for the host and for the guest."""

from dataclasses import dataclass
from pathlib import Path

from gyral.isolation.tier import Tier, has_namespaces


@dataclass(frozen=True)
class Places:
    """Where the guest finds things.

    Parameters
    ----------
    job : Path
        The job folder as the host sees it.
    model : Path
        The model's folder or file as the host sees it.
    """

    job: Path
    model: Path

    def seen(self, tier: Tier) -> tuple[str, str]:
        """Job folder and model as the guest of ``tier`` sees them."""
        if not has_namespaces(tier):
            return str(self.job), str(self.model)
        return "/job", f"/model/{self.model.name}"
