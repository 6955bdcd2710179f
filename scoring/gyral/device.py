"""Device: where models run and readouts are fitted, refused by name before anything is opened."""

import re

from gyral.errors import UserError

_KNOWN = re.compile(r"cpu|cuda(:\d+)?")


def check_device(device: str) -> None:
    """Refuse a device that is misspelt or not here.

    Raises
    ------
    UserError
        With code ``bad-device``.

    Examples
    --------
    >>> check_device("cpu")
    """
    if not _KNOWN.fullmatch(device):
        raise UserError(f"{device!r} is unknown; choose cpu, cuda or cuda:N.", where="device", code="bad-device")
    if device == "cpu":
        return
    import torch  # nested: slow to import

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise UserError(
            f"{device!r} is not here: this torch has no CUDA.", where="device", mend="Use cpu.", code="bad-device"
        )
    if int(device.partition(":")[2] or 0) >= count:
        raise UserError(
            f"{device!r} is not here: there are {count}, counted from 0.", where="device", code="bad-device"
        )
