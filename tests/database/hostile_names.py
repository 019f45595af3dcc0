"""Names that a database, table, account or program may have and that a shell, a client or a terminal may take for
something else: those that did once, and generated ones."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    *('--init-command=UPDATE mysql.user SET Super_priv="Y"', "--init-command=DROP TABLE app.bystander"),
    *("--result-file=/work/loot", "-r/work/loot", "--all-databases", "--tables", "--ignore-error=1", "-", "--", "-e"),
    *("----args-separator----", "i\nj", "tab\tbed", "end\n", "\n-- x", "a\n\\! touch /work/loot\nb", "\\!", "x\\nz"),
    *("$(touch /work/loot)", "`touch /work/loot`", "a`b", "``", "'", '"', "a'b\"c", "%", "%s", "a%b_c", "*", "?", "~"),
    *("t`;--x ", "/*!80000 x */", "*/", "a\nDELIMITER x\nb", "DELIMITER ;;", "source /etc/passwd", ";", "#x", "@x"),
    *(
        "..",
        ".",
        "a/b",
        "a.b",
        "a",
        "NULL",
        "日本語",
        "Ünïcode",
        "\x01\x1b[31m",
        "Sys",
        "general_log",
        "x" * 64,
        "ß" * 50,
    ),
    *(" IDENTIFIED BY ", " DEFAULT ROLE `r`@`%` REQUIRE ", "CREATE USER", "root", "mysql.x", "a@b", "\u202ertl"),
)
_LETTERS = st.characters(min_codepoint=1, max_codepoint=0xFFFD, exclude_categories=["Cs"])
_PIECES = st.lists(st.sampled_from(NASTY) | st.text(_LETTERS, max_size=9), min_size=1, max_size=4).map("".join)
NAMES = (st.text(_LETTERS, min_size=1, max_size=64) | _PIECES).map(lambda text: text[:64])
