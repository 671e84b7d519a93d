"""Why an input cannot be read: the one exception for hostile or broken input.

It carries a stable code for tables and tests and a sentence for people; it never carries bytes of the input.
"""


class Unreadable(Exception):
    """An input, or one document in it, that is refused whole.

    `code` is stable (too_big, truncated, encrypted, nested, ...); `detail` says what was met and, where something
    can be done, what to do. Every caller treats them alike (quarantine with this reason), so there is one class.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
