"""Names that are gone or misspelt are errors for type-checkers, though packages load their names on first use."""

from collections.abc import Callable
from pathlib import Path

# Packages that load names on first use, then others; a line each. Every line names one thing that does not exist.
INVENTED = """\
from aiosymphony import PodClientt
from aiosymphony import retry_policy_of
from aiosymphony.auth import RsaAuthh
from aiosymphony.connect import ConnectClientt
from aiosymphony.pod import PodClientt as Pod
from aiosymphony.provisioning import Jobb
from aiosymphony.provisioning import plans_of
from aiosymphony.sandbox import Sandboxx
from aiosymphony.testing import ScriptedTransportt
from aiosymphony_api import pod_1_41
from aiosymphony_api.agent.models import AuditTrailActionn
from aiosymphony_api.connect.api import company
from aiosymphony_api.connect.models import Companyy
from aiosymphony_api.login.api.authentication import login_pubkey_authenticate_get
from aiosymphony_api.pod import OPERATION
from aiosymphony_api.pod.api import userss
from aiosymphony_api.pod.api.users import v9_user_get
from aiosymphony_api.pod.models import UserV99
from aiosymphony_api.pod_1_40.models import UserV98
aiosymphony.PodClientt
aiosymphony.provisioning.Jobb
aiosymphony.testing.ScriptedTransportt
aiosymphony_api.pod.operations
aiosymphony_api.pod.api.userss
aiosymphony_api.pod.api.users.v9_user_get
aiosymphony_api.pod.models.UserV99
"""
IMPORTED = """\
import aiosymphony.provisioning
import aiosymphony.testing
import aiosymphony_api.pod.api.users
import aiosymphony_api.pod.models
"""
#: The right names, which must stay without an error.
RIGHT = """\
from aiosymphony import PodClient
from aiosymphony.provisioning import Job
from aiosymphony_api.pod import OPERATIONS
from aiosymphony_api.pod.api import users
from aiosymphony_api.pod.api.users import v2_user_get
from aiosymphony_api.pod.models import UserV2
aiosymphony.PodClient
aiosymphony.provisioning.Job
aiosymphony_api.pod.api.users.v2_user_get
aiosymphony_api.pod.models.UserV2
"""


def test_a_name_that_does_not_exist_is_an_error(
    check: Callable[[Path], list[tuple[str, int, str]]], tmp_path: Path
) -> None:
    before = (IMPORTED + RIGHT).splitlines()
    lines = [*before, *INVENTED.splitlines()]
    (tmp_path / "invented.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    wrong = {line for _, line, _ in check(tmp_path)}
    assert [line for number, line in enumerate(lines, 1) if (number in wrong) != (number > len(before))] == []
