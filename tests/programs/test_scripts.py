"""What a script does with the names that it is given, in a real shell."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops.agent.jobs import logical
from mysqlops.kube import manifests

_NAMES = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=64)


_DECODE = manifests.read_text("backup/logical.sh").partition("decode() {")[2].partition("\n}\n")[0]


@settings(max_examples=20, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=20))
def test_the_scripts_decode_a_name_as_it_was(names: list[str]) -> None:
    encoded = [logical._encoded(name) for name in names]
    assert all(set(one) <= set("\\0123456789") | {chr(n) for n in range(128) if chr(n).isalnum()} for one in encoded)
    script = f'decode() {{{_DECODE}\n}}\nwhile read -r one; do decode "$one"; printf "%s\\0" "$decoded"; done'
    given_lines = "".join(f"{one}\n" for one in encoded).encode()
    done = subprocess.run(["sh", "-c", script], input=given_lines, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == names
