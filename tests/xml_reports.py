"""Builders of report XML with good defaults, so that a test shows only what matters in it."""

NOON = 1_790_000_000  # 2026-09-21T14:13:20Z, the clock of tests
BEGIN = 1_789_862_400  # 2026-09-20T00:00:00Z
END = BEGIN + 86_399


def record(
    ip: str = "192.0.2.1",
    count: int | str = 1,
    *,
    disposition: str = "none",
    dkim: str = "pass",
    spf: str = "pass",
    header_from: str = "example.jp",
    identifiers: str = "",
    reason: str = "",
    auth: str = "<dkim><domain>example.jp</domain><selector>s1</selector><result>pass</result></dkim>"
    "<spf><domain>example.jp</domain><scope>mfrom</scope><result>pass</result></spf>",
) -> str:
    return (
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>"
        f"<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>{reason}</policy_evaluated></row>"
        f"<identifiers><header_from>{header_from}</header_from>{identifiers}</identifiers>"
        f"<auth_results>{auth}</auth_results></record>"
    )


def report(
    *records: str,
    org_name: str = "receiver.example.com",
    email: str = "dmarc@receiver.example.com",
    report_id: str = "r-1",
    begin: int | str = BEGIN,
    end: int | str = END,
    domain: str = "example.jp",
    policy: str = "<p>none</p>",
    metadata: str = "",
) -> str:
    return (
        '<?xml version="1.0"?>\n<feedback><report_metadata>'
        f"<org_name>{org_name}</org_name><email>{email}</email><report_id>{report_id}</report_id>"
        f"<date_range><begin>{begin}</begin><end>{end}</end></date_range>{metadata}</report_metadata>"
        f"<policy_published><domain>{domain}</domain>{policy}</policy_published>"
        f"{''.join(records)}</feedback>"
    )
