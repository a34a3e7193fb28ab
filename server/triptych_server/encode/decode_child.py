"""A process that decodes pictures: ``python -m triptych_server.encode.decode_child``.

One loop: take a file, decode it into shared memory, answer. It is started by the service and ends
with it. What a hostile file can do is bounded here: it can take the process down, which costs that
picture and no other, and it can take so much memory and no more.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from triptych_server.children import die_with
from triptych_server.encode.priority import step_back

if TYPE_CHECKING:
    from triptych_server.encode.decode_frames import Request
    from triptych_server.encode.decoder import PictureDecoder
    from triptych_server.encode.shared_pixels import SharedRooms

_LEAST_ROOM = 32 * 1024 * 1024


def main(arguments: list[str]) -> int:
    """Decode until the pipe ends."""
    descriptor, parent, limits, memory_bytes, keep_bytes = arguments
    if not die_with(int(parent)):
        return 1
    step_back()
    # The parent may end while it is being answered: then there is nobody left to tell.
    with (
        socket.socket(fileno=int(descriptor)) as pipe,
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        try:
            _serve(pipe, limits, int(memory_bytes), int(keep_bytes))
        except MemoryError:
            # Nothing is left even for a refusal: the parent sees the end, and starts another.
            return 1
    return 0


def _serve(pipe: socket.socket, limits: str, memory_bytes: int, keep_bytes: int) -> None:
    # Not at the top: the signals are settled before the heavy imports.
    from triptych_server.domain.limits import Limits
    from triptych_server.encode.decode_frames import (
        Greeting,
        pack_greeting,
        receive_request,
        send_reply,
    )
    from triptych_server.encode.decoder import PictureDecoder
    from triptych_server.encode.shared_pixels import SharedRooms

    decoder = PictureDecoder(Limits(**json.loads(limits)))
    rooms = SharedRooms(keep_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    bytearray(_LEAST_ROOM)  # a process without room is none
    # A core file of a crash would hold a caller's picture.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    send_reply(pipe, pack_greeting(Greeting(decoder.formats)))
    while (request := receive_request(pipe)) is not None:
        rooms.take_back(request.released)
        _answer(pipe, decoder, rooms, request)


def _answer(
    pipe: socket.socket, decoder: PictureDecoder, rooms: SharedRooms, request: Request
) -> None:
    from triptych_server.domain.errors import InvalidInput
    from triptych_server.encode.decode_frames import pack_decoded, pack_refused, send_reply

    try:
        decoded = decoder.decode(request.data, rooms, request.detail)
    except InvalidInput as error:
        send_reply(pipe, pack_refused(error))
        return
    number, descriptor = rooms.lend()
    send_reply(pipe, pack_decoded(decoded, number), descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
