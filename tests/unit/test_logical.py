"""What a dump is told: names as no script can misread them, and accounts as statements."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops.agent.jobs import logical
from mysqlops.kube import manifests
from mysqlops.mysql import account_statements

_NAMES = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=64)
_DECODE = manifests.read_text("backup/logical.sh").partition("decode() {")[2].partition("\n}\n")[0]


@settings(max_examples=20)
@given(st.lists(_NAMES, min_size=1, max_size=20))
def test_the_scripts_decode_a_name_as_it_was(names: list[str]) -> None:
    encoded = [logical._encoded(name) for name in names]
    assert all(set(one) <= set("\\0123456789") | {chr(n) for n in range(128) if chr(n).isalnum()} for one in encoded)
    script = f'decode() {{{_DECODE}\n}}\nwhile read -r one; do decode "$one"; printf "%s\\0" "$decoded"; done'
    given_lines = "".join(f"{one}\n" for one in encoded).encode()
    done = subprocess.run(["sh", "-c", script], input=given_lines, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == names


def test_an_accounts_name_is_no_clause() -> None:
    hostile = "x IDENTIFIED BY DEFAULT ROLE `r`@`%` REQUIRE "
    quoted = "`" + hostile.replace("`", "``") + "`@`%`"
    made = {
        "plain@%": [
            "CREATE USER `plain`@`%` IDENTIFIED WITH 'p' AS ' DEFAULT ROLE `a`@`b`' DEFAULT ROLE `r``1`@`%`,`s`@`%` "
            "REQUIRE SSL COMMENT ' DEFAULT ROLE `z`@`%`'",
            "GRANT USAGE ON *.* TO `plain`@`%`",
        ],
        "root@localhost": ["CREATE USER `root`@`localhost` IDENTIFIED WITH 'p' AS 'CREATE USER' REQUIRE NONE"],
        f"{hostile}@%": [f"CREATE USER {quoted} IDENTIFIED WITH 'p' REQUIRE NONE"],
    }
    assert account_statements.script(made, "").splitlines() == [
        "CREATE USER `plain`@`%` IDENTIFIED WITH 'p' AS ' DEFAULT ROLE `a`@`b`' REQUIRE SSL "
        "COMMENT ' DEFAULT ROLE `z`@`%`';",
        "ALTER USER `root`@`localhost` IDENTIFIED WITH 'p' AS 'CREATE USER' REQUIRE NONE;",
        f"CREATE USER {quoted} IDENTIFIED WITH 'p' REQUIRE NONE;",
        "GRANT USAGE ON *.* TO `plain`@`%`;",
        "ALTER USER `plain`@`%` DEFAULT ROLE `r``1`@`%`,`s`@`%`;",
        "SET GLOBAL gtid_purged = '';",
    ]


def test_no_name_follows_an_option() -> None:
    """Every call that takes a name takes it after `--`."""
    script = manifests.read_text("backup/logical.sh").replace("\\\n", " ")
    calls = [line for line in script.splitlines() if "dump_sql --" in line]
    assert len(calls) == 3
    assert all(" -- " in line and line.index(" -- ") < line.index('"$') for line in calls)
