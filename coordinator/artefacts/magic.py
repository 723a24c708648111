"""The first bytes of each kind of file that is stored, or taken with a request."""

HEAD_BYTES = 16


def begins_as(media_type: str, head: bytes) -> bool:
    """Whether a file that begins with `head`, its first HEAD_BYTES bytes, can be of this type."""
    match media_type:
        case "image/png":
            return head.startswith(b"\x89PNG\r\n\x1a\n")
        case "image/jpeg":
            return head.startswith(b"\xff\xd8\xff")
        case "image/webp":
            return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
        case "video/mp4":
            return head[4:8] == b"ftyp" and head[8:11] != b"M4A"
        case "audio/mp4":
            return head[4:11] == b"ftypM4A"
        case "audio/mpeg":
            return head.startswith(b"ID3") or (
                head[:1] == b"\xff" and head[1:2] in (b"\xfb", b"\xfa", b"\xf3", b"\xf2")
            )
        case "audio/flac":
            return head.startswith(b"fLaC")
        case "audio/wav":
            return head[:4] == b"RIFF" and head[8:12] == b"WAVE"
        case _:
            return False
