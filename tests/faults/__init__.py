"""The fault suite, `make faults`: mail under every fault that we could think of, on a real Postfix,
Dovecot and mailbell, with a ledger of what went in and what came out."""
