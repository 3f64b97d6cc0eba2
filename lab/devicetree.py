"""Flattened device trees (Devicetree Specification, release 0.4, chapter 5), and edits of them.

An edit is a row: its name, the path of a node, and more. In a row of cells "&PATH" is the phandle
of that node, as QEMU's phandles differ between machines.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lab.say import Failed

_MAGIC = 0xD00DFEED
_BEGIN, _END, _PROPERTY, _NOP, _LAST = 1, 2, 3, 4, 9


class Node(NamedTuple):
    """A node: its properties and children by name."""

    properties: dict[str, bytes]
    children: dict[str, Node]


class Tree(NamedTuple):
    """A device tree: its root, the header's boot CPU, and the block of reserved memory."""

    root: Node
    cpu: int
    reserved: bytes


def read(blob: bytes) -> Tree:
    """The tree of a blob. Raises Failed if that is none."""
    magic, _, structure, strings, reserved, _, _, cpu, _, size = struct.unpack_from(">10I", blob)
    if magic != _MAGIC:
        raise Failed("QEMU gives no device tree for this machine")
    top = Node({}, {})
    stack, offset = [top], structure
    while offset < structure + size:
        (token,) = struct.unpack_from(">I", blob, offset)
        offset += 4
        if token == _BEGIN:
            end = blob.index(b"\0", offset)
            node = Node({}, {})
            stack[-1].children[blob[offset:end].decode()] = node
            stack.append(node)
            offset = end + 1
        elif token == _PROPERTY:
            length, name = struct.unpack_from(">2I", blob, offset)
            text = blob[strings + name : blob.index(b"\0", strings + name)].decode()
            stack[-1].properties[text] = blob[offset + 8 : offset + 8 + length]
            offset += 8 + length
        elif token == _END:
            stack.pop()
        offset += -offset % 4
    return Tree(top.children[""], cpu, blob[reserved:structure])


def write(tree: Tree) -> bytes:
    """The blob of a tree."""
    strings: dict[str, int] = {}
    packed = _packed("", tree.root, strings) + struct.pack(">I", _LAST)
    names = b"".join(name.encode() + b"\0" for name in strings)
    first = 40 + len(tree.reserved)
    header = (
        _MAGIC, first + len(packed) + len(names), first, first + len(packed), 40, 17, 16, tree.cpu,
        len(names), len(packed),
    )  # fmt: skip
    return struct.pack(">10I", *header) + tree.reserved + packed + names


def _packed(name: str, node: Node, strings: dict[str, int]) -> bytes:
    parts = [struct.pack(">I", _BEGIN) + _padded(name.encode() + b"\0")]
    for key, value in node.properties.items():
        if key not in strings:
            strings[key] = sum(len(known) + 1 for known in strings)
        parts.append(struct.pack(">3I", _PROPERTY, len(value), strings[key]) + _padded(value))
    parts += [_packed(key, child, strings) for key, child in node.children.items()]
    return b"".join(parts) + struct.pack(">I", _END)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def node_at(tree: Tree, path: str) -> Node:
    """The node at a path. Raises Failed if there is none: an edit must not go nowhere."""
    node = tree.root
    for part in filter(None, path.split("/")):
        if part not in node.children:
            raise Failed(f"the machine's device tree has no {path}")
        node = node.children[part]
    return node


def _cells(tree: Tree, path: str, name: str, *values: int | str) -> None:
    """Set a property to numbers of 32 bits."""
    numbers = [_number(tree, value) for value in values]
    node_at(tree, path).properties[name] = struct.pack(f">{len(numbers)}I", *numbers)


def _number(tree: Tree, value: int | str) -> int:
    if isinstance(value, int):
        return value
    handle = node_at(tree, value.removeprefix("&")).properties.get("phandle")
    if handle is None:
        raise Failed(f"{value} has no phandle")
    return int.from_bytes(handle, "big")


def _text(tree: Tree, path: str, name: str, value: str) -> None:
    """Set a property to a text."""
    node_at(tree, path).properties[name] = value.encode() + b"\0"


def _flag(tree: Tree, path: str, name: str) -> None:
    """Set a property without a value."""
    node_at(tree, path).properties[name] = b""


def _delete(tree: Tree, path: str, name: str) -> None:
    """Delete a property."""
    if node_at(tree, path).properties.pop(name, None) is None:
        raise Failed(f"{path} has no {name} to delete")


def _new(tree: Tree, path: str) -> None:
    """Add a node."""
    parent, _, name = path.rpartition("/")
    node_at(tree, parent).children[name] = Node({}, {})


def _remove(tree: Tree, path: str) -> None:
    """Remove a node."""
    node_at(tree, path)
    parent, _, name = path.rpartition("/")
    del node_at(tree, parent).children[name]


EDITS: dict[str, Callable[..., None]] = {
    "cells": _cells, "text": _text, "flag": _flag, "delete": _delete, "new": _new,
    "remove": _remove,
}  # fmt: skip


def edited(blob: bytes, edits: Iterable[tuple[Any, ...]]) -> bytes:
    """A device tree with edits, in their order."""
    tree = read(blob)
    for name, *values in edits:
        EDITS[name](tree, *values)
    return write(tree)
