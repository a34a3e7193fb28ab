"""What a shell block asks with grpcurl, and the answer: by grpcurl itself, or without it.

The block is run by bash as it stands, so quoting and pipes are its own. Without grpcurl a stand-in
on the PATH writes down what it was called with, and the call is made from that JSON.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

ADDRESS = "127.0.0.1:50051"
TIMEOUT_S = 30.0
# Arguments end in zero bytes: the JSON among them holds spaces and line ends.
_STAND_IN = """#!/bin/sh
call=$(mktemp -d "$CALLS/$(ls "$CALLS" | wc -l).XXXXXX")
printf '%s\\0' "$@" > "$call/arguments"
case " $* " in *" -d @ "*) cat > "$call/input" ;; esac
"""


class NotACall(Exception):
    """A block that does not call grpcurl as the cookbook does."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its method as grpcurl names it, and its request as JSON."""

    method: str
    body: str

    @property
    def descriptor(self) -> MethodDescriptor:
        """The method in the contract; raises ``KeyError`` where there is none of that name."""
        service, _, name = self.method.partition("/")
        pool = descriptor_pool.Default()
        return pool.FindServiceByName(service).FindMethodByName(name)

    def request(self) -> Message:
        """The request; raises ``json_format.ParseError`` where the JSON is none."""
        made = GetMessageClass(self.descriptor.input_type)()
        return json_format.Parse(self.body, made)

    def answer(self, said: Mapping[str, Any]) -> Message:
        """The answer from its JSON."""
        return json_format.ParseDict(dict(said), GetMessageClass(self.descriptor.output_type)())


def calls_of(script: str, folder: Path, scratch: Path) -> list[Call]:
    """The calls that a shell block makes, run in ``folder``.

    Raises:
        NotACall: it makes none, fails, or calls otherwise than
            ``-plaintext -d JSON ADDRESS METHOD``.
    """
    programs, calls = scratch / "bin", scratch / "calls"
    for path in (programs, calls):
        path.mkdir(parents=True)
    stand_in = programs / "grpcurl"
    stand_in.write_text(_STAND_IN, encoding="ascii")
    stand_in.chmod(0o755)
    environment = {"CALLS": str(calls), "PATH": f"{programs}:{os.environ['PATH']}"}
    shell(script, folder, os.environ | environment)
    made = sorted(calls.iterdir(), key=lambda call: int(call.name.split(".")[0]))
    if not made:
        raise NotACall("the block calls no grpcurl")
    return [_call(call) for call in made]


def _call(folder: Path) -> Call:
    arguments = (folder / "arguments").read_text(encoding="utf-8").split("\0")[:-1]
    match arguments:
        case ["-plaintext", "-d", body, address, method] if address == ADDRESS:
            if body == "@":
                body = (folder / "input").read_text(encoding="utf-8")
            return Call(method, body)
    raise NotACall(f"grpcurl {' '.join(arguments)[:200]}")


def make(calls: list[Call], address: str) -> Message:
    """Makes the calls; the last one's answer. Raises ``grpc.RpcError``."""
    with grpc.insecure_channel(address) as channel:
        for call in calls[:-1]:
            _make(channel, call)
        return _make(channel, calls[-1])


def _make(channel: grpc.Channel, call: Call) -> Message:
    method: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        f"/{call.method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(call.descriptor.output_type).FromString,
    )
    return method(call.request(), timeout=TIMEOUT_S)


def by_grpcurl(script: str, calls: list[Call], folder: Path, address: str) -> Message:
    """Runs the block with the real grpcurl; the last call's answer.

    Raises:
        NotACall: it fails, or prints other than one answer for each call.
    """
    printed = shell(script.replace(ADDRESS, address), folder, os.environ)
    answers = list(_values(printed))
    if len(answers) != len(calls):
        raise NotACall(f"{len(answers)} answers to {len(calls)} calls")
    return calls[-1].answer(answers[-1])


def _values(text: str) -> Iterator[dict[str, Any]]:
    decoder, place = json.JSONDecoder(), 0
    for _ in itertools.count():
        place += len(text[place:]) - len(text[place:].lstrip())
        if place == len(text):
            return
        value, place = decoder.raw_decode(text, place)
        yield value


def shell(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What bash prints of a script; raises ``NotACall`` with its words where it fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotACall(f"exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout
