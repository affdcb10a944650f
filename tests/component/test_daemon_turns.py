"""How often mailbelld looks what there is."""

import time

from lab.alone import Alone, Talk

ARRIVALS = 50
GATHER_S = 0.01


def test_mail_is_gathered():
    """Mail for nobody's device, the next when the last was taken in: behind a turn that had some the daemon
    sleeps on, so that mail which comes close together wakes it once."""
    with Alone(hook="lmtp") as alone, Talk(f"{alone.mailbell.run_dir}/arrival", HOOK="lmtp") as talk:
        assert talk.read().type == "OK"
        began = time.monotonic()
        for seq in range(1, ARRIVALS + 1):
            talk.send("ARRIVAL", SEQ=seq, TIME=int(time.time() * 1000), QUEUE_ID=f"Q{seq}", REASON=1, KIND=0,
                      RECIPIENT="nobody@lab.test")
            assert talk.read().type == "ACK"
        assert time.monotonic() - began > (ARRIVALS - 1) * GATHER_S
