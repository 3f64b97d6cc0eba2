"""Write the completions of bash, zsh and fish: `make completion`.

usage: python -m release.completion DIRECTORY

One reading of the parser and three ways to say it. Devices and groups are those of the running
host, listed by the shell itself, as a completion must not wait for an interpreter to start; where
`--root` was typed there are none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from release.grammar import Option, Verb, verbs

_DEVICES = "/sys/bus/pci/devices"
_GROUPS = "/sys/kernel/iommu_groups"

_BASH = r"""# bash completion for vfioguard                             -*- shell-script -*-

_vfioguard_words() {
    COMPREPLY=($(compgen -W "$*" -- "$cur"))
    # Readline completes what stands behind the last colon.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
    fi
}

_vfioguard_targets() {
    [[ " ${words[*]}" == *" --root"[\ =]* ]] && return
    _vfioguard_words "$(cd @DEVICES@ 2>/dev/null && echo *:*)" \
        "$(cd @GROUPS@ 2>/dev/null && printf 'group:%s ' [0-9]*)"
}

_vfioguard() {
    local line=${COMP_LINE:0:COMP_POINT} cur prev verb= word IFS=$' \t\n'
    local -a words
    # Not COMP_WORDS, which is split at colons.
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[${#words[@]} - 1]}
    prev=${words[${#words[@]} - 2]}
    for word in "${words[@]:1:${#words[@]}-2}"; do
        if [[ $word != -* ]]; then
            verb=$word
            break
        fi
    done
    if [[ $cur == --*=* ]]; then
        prev=${cur%%=*}
        cur=${cur#*=}
    fi
    COMPREPLY=()
    case "$verb $prev" in
@VALUES@
    esac
    case "$verb $cur" in
@OPTIONS@
    esac
    case $verb in
@POSITIONALS@
    esac
} &&
    complete -F _vfioguard vfioguard
"""

_ZSH = r"""#compdef vfioguard

_vfioguard_targets() {
    (( ${words[(I)--root*]} )) && return 1
    local -a devices groups
    devices=(@DEVICES@/*(N:t))
    groups=(@GROUPS@/*(N:t))
    compadd -- $devices group:${^groups}
}

_vfioguard() {
    local curcontext=$curcontext state line
    local -a verbs
    verbs=(
@VERBS@
    )
    _arguments -C '(- *)'{-h,--help}'[help]' '(- *)--version[the version]' \
        '1: :->verb' '*:: :->rest' && return
    case $state in
        verb) _describe verb verbs ;;
        rest)
            case $line[1] in
@CASES@
            esac
            ;;
    esac
}

_vfioguard "$@"
"""

_FISH = r"""# fish completion for vfioguard

function __vfioguard_targets
    __fish_contains_opt root; and return
    for device in @DEVICES@/*
        path basename -- $device 2>/dev/null; or string replace -r '.*/' '' -- $device
    end
    for group in @GROUPS@/*
        string replace -r '.*/' group: -- $group
    end
end

complete -c vfioguard -f
complete -c vfioguard -n __fish_use_subcommand -s h -l help -d help
complete -c vfioguard -n __fish_use_subcommand -l version -d 'the version'
"""


def main(directory: str) -> None:
    """Write all three, each under the name that its shell looks for."""
    to = Path(directory)
    to.mkdir(parents=True, exist_ok=True)
    known = verbs()
    for name, text in (
        ("vfioguard.bash", bash(known)),
        ("_vfioguard", zsh(known)),
        ("vfioguard.fish", fish(known)),
    ):
        (to / name).write_text(text)


def _filled(template: str, **parts: Iterator[str]) -> str:
    text = template.replace("@DEVICES@", _DEVICES).replace("@GROUPS@", _GROUPS)
    for name, lines in parts.items():
        text = text.replace(f"@{name.upper()}@", "\n".join(lines))
    return text


def bash(known: tuple[Verb, ...]) -> str:
    """For /usr/share/bash-completion/completions."""

    def values() -> Iterator[str]:
        for verb in known:
            for option in verb.options:
                if option.metavar:
                    names = "|".join(f'"{verb.name} {flag}"' for flag in option.flags)
                    yield f"        {names}) {_bash_value(option)}return ;;"

    def options() -> Iterator[str]:
        yield '        " -"*) _vfioguard_words -h --help --version; return ;;'
        for verb in known:
            flags = " ".join(flag for one in verb.options for flag in one.flags)
            yield f'        "{verb.name} -"*) _vfioguard_words {flags}; return ;;'

    def positionals() -> Iterator[str]:
        yield f'        "") _vfioguard_words {" ".join(verb.name for verb in known)} ;;'
        for verb in known:
            for one in verb.positionals:
                yield f"        {verb.name}) {_bash_value(one).removesuffix('; ')} ;;"

    return _filled(_BASH, values=values(), options=options(), positionals=positionals())


def _bash_value(option: Option) -> str:
    if option.choices:
        return f"_vfioguard_words {' '.join(option.choices)}; "
    return {"files": "compopt -o default; ", "targets": "_vfioguard_targets; "}.get(
        option.completes, ""
    )


def zsh(known: tuple[Verb, ...]) -> str:
    """For /usr/share/zsh/vendor-completions."""

    def names() -> Iterator[str]:
        for verb in known:
            yield f"        {_quoted(f'{verb.name}:{verb.help}')}"

    def cases() -> Iterator[str]:
        for verb in known:
            yield f"                {verb.name})"
            specs = [spec for one in verb.options for spec in _zsh_option(one)]
            specs += [_zsh_positional(one) for one in verb.positionals]
            lines = [f"                        {spec}" for spec in specs]
            yield " \\\n".join(["                    _arguments", *lines])
            yield "                    ;;"

    return _filled(_ZSH, verbs=names(), cases=cases())


def _zsh_option(option: Option) -> Iterator[str]:
    text = option.help.translate({ord(c): f"\\{c}" for c in "[]:\\"})
    once = "*" if option.many else ""
    for flag in option.flags:
        equals = "=" if option.metavar and flag.startswith("--") else ""
        yield _quoted(f"{once}{flag}{equals}[{text}]{_zsh_value(option)}")


def _zsh_positional(option: Option) -> str:
    return _quoted(f"{'*' if option.many else ''}{_zsh_value(option)}")


def _zsh_value(option: Option) -> str:
    if not option.metavar:
        return ""
    what = option.metavar.replace(":", r"\:")
    if option.choices:
        return f":{what}:({' '.join(option.choices)})"
    action = {"files": "_files", "targets": "_vfioguard_targets"}.get(option.completes, " ")
    return f":{what}:{action}"


def fish(known: tuple[Verb, ...]) -> str:
    """For /usr/share/fish/vendor_completions.d."""
    lines: list[str] = []
    for verb in known:
        first = "complete -c vfioguard -n __fish_use_subcommand"
        lines.append(f"{first} -a {verb.name} -d {_fish_quoted(verb.help)}")
        seen = f"complete -c vfioguard -n '__fish_seen_subcommand_from {verb.name}'"
        for one in verb.options:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                for flag in one.flags
            )
            lines.append(f"{seen} {flags}{_fish_value(one)} -d {_fish_quoted(one.help)}")
        lines += [f"{seen}{_fish_positional(one)}" for one in verb.positionals]
    return _filled(_FISH) + "\n".join(lines) + "\n"


def _fish_value(option: Option) -> str:
    if option.choices:
        return f" -x -a '{' '.join(option.choices)}'"
    if option.completes == "files":
        return " -r -F"
    return " -x" if option.metavar else ""


def _fish_positional(option: Option) -> str:
    return " -F" if option.completes == "files" else " -a '(__vfioguard_targets)'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


if __name__ == "__main__":
    main(*sys.argv[1:])
