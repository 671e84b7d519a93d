"""A hypothetical policy as the record that would say it."""

from analysis.replay import Policy


def record_of(policy: Policy) -> str:
    """The hypothesis as a DMARC record; what it leaves as it was has no tag."""
    named = {"p": policy.p, "sp": policy.sp, "np": policy.np, "adkim": policy.adkim, "aspf": policy.aspf}
    tags = [f"{name}={value}" for name, value in named.items() if value is not None]
    tags += ["t=y"] * policy.t + [f"pct={policy.pct}"] * (policy.pct != 100)
    return "; ".join(["v=DMARC1", *tags])
