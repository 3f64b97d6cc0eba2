"""Ask a real shell what it would complete, as a person does with the Tab key."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

#: Seconds that a shell may take to start and answer.
_PATIENCE = 30
#: Bound in both shells: Ctrl-T inserts every completion, Ctrl-P prints the line.
_INSERT, _SHOW = b"\x14", b"\x10"

_BASH = """
bind 'set bell-style none'
bind '"\\C-t": insert-completions'
bind -x '"\\C-p": printf "<%s>" "$READLINE_LINE"'
source {directory}/vfioguard.bash
PS1=ready
"""
_ZSH = """
fpath=({directory} $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' old-matches no
zstyle ':completion:all:*' insert yes
_all() {{ _main_complete _all_matches _complete }}
zle -C all complete-word _generic
show() {{ print -rn -- "<$BUFFER>" }}
zle -N show
bindkey '^T' all
bindkey '^P' show
PS1=ready
"""


def completions(shell: str, directory: Path, line: str) -> list[str]:
    """The words that `shell` would put behind `line`, sorted."""
    program = shutil.which(shell)
    assert program, f"{shell} is missing: apt-get install {shell}"
    if shell == "fish":
        command = [
            program,
            "--no-config",
            "-c",
            f"source {directory}/vfioguard.fish; complete -C '{line}'",
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return sorted(one.partition("\t")[0] for one in found.splitlines())
    rc = directory / f"{shell}rc"
    rc.write_text({"bash": _BASH, "zsh": _ZSH}[shell].format(directory=directory))
    command = {
        "bash": [program, "--noprofile", "--rcfile", str(rc), "-i"],
        "zsh": [program, "-f", "-i"],
    }[shell]
    shown = _typed(command, b"" if shell == "bash" else f"source {rc}\n".encode(), line)
    # What stood before the word that is completed is not completed.
    before, word = line[: line.rfind(" ") + 1], line[line.rfind(" ") + 1 :]
    first, *rest = shown.removeprefix(before).split() or [""]
    if shell == "bash":  # Readline replaces what stands behind the last colon
        rest = [word[: word.rfind(":") + 1] + one for one in rest]
    return sorted(filter(None, [first, *rest]))


def _typed(command: list[str], first: bytes, line: str) -> str:
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": "/nonexistent"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        if first:
            os.write(ours, first)
        _until(ours, b"ready")
        os.write(ours, line.encode() + _INSERT + _SHOW)
        return _until(ours, b">").rpartition(b"<")[2].decode().removesuffix(">")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _until(terminal: int, mark: bytes) -> bytes:
    found = b""
    end = time.monotonic() + _PATIENCE
    while not found.endswith(mark):
        assert time.monotonic() < end, f"the shell did not say {mark!r} but {found!r}"
        if select.select([terminal], [], [], 1)[0]:
            found += os.read(terminal, 1)
    return found
