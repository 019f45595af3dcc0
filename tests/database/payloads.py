"""Bodies of programs, each one statement for the server; `EVIL` stands for what their author wants to run."""

from __future__ import annotations

EVIL = "CREATE DATABASE evil"
SPLITTING = (
    f"SELECT 1 --\x01;; {EVIL};; DO 0\n+ 1",
    f"SELECT '`' \n--\x01 '\n--\x01 ' ;; {EVIL};; DO 0 # `\n+ 1",
    f"SELECT '`' /*+ \n'*/\n -- ' ;; {EVIL};; DO 0 # `",
    f"SELECT /*+ \n'*/ 1 /* ' ;; {EVIL};; DO 0 /* */",
    # \C is a command of the client that no option disables: in gbk, a backslash may be half of a character, and the
    # server itself, which the client has allowed to, finds several statements.
    f"SELECT 1 --\x01\\C gbk\n, '中\\\\', '; {EVIL}; DO '\n-- '\n+ 1",
    f"SELECT 1 /*+ \\C gbk */\n, '中\\\\', '; {EVIL}; DO '\n-- '\n+ 1",
)
# A client may take this for a command in the middle of a line (client/mysql.cc, add_line).
COMMANDING = (f"SELECT 1 --\x01delimiter //\n--\x01\n--\x01// {EVIL}//\n+ 1", "SELECT 1 AS Delimiter , 2")
# The client sees no end, or not where it is.
HIDING = ("SELECT 1 -- one", "SELECT 1 # one", "SELECT 1 --\x01 '\n+ 1", "SELECT 1 /*+\n '*/ + 1")
HARMLESS = (
    "BEGIN SELECT 1; SELECT 2; END",
    "BEGIN\n -- it's a comment; and another\n SELECT 1; # `\n /* don't\n */ SELECT \"it's\", 'a\\'b', `c`;\nEND",
    "BEGIN SELECT 'a''b', \"`\", 1-- 1\n; END",
    "SELECT '\\\\C gbk', \"\\\\!\", `\\C` FROM (SELECT 1 AS `\\C` /* \\C gbk */ ) t",
    "BEGIN /* one */ SELECT 1; /* two */ END",
)
