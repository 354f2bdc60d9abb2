"""Which columns of a list stand beside the results of its people."""

import re
from collections.abc import Sequence

from voicecli.broadcast.lists.recipients import column
from voicecli.broadcast.results import Results
from voicecli.errors import InvalidInput

_NAME = re.compile(
    r"name|nom\b|nombre|nome\b|naam|navn|namn|имя|фио|氏名|名前|姓名|이름|الاسم", re.IGNORECASE
)


def shown_columns(results: Results, wanted: str | None) -> Sequence[str]:
    """The ``wanted`` ones (name,city); else the one with people's names, and no other: it may have codes that
    are nobody else's business. Raises InvalidInput for one that is not there."""
    columns = results.columns
    if wanted is not None:
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        if names and not columns:
            raise InvalidInput("--show needs the list, which is not there.", hint="--list says where it is.")
        return [columns[column(columns, name)] for name in names]
    return [name for name in columns if name != results.phone_column and _NAME.search(name)][:1]
