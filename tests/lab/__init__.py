"""The test laboratory of mailbell: a private Postfix, Dovecot and mailbell on loopback, a push
service, devices, and an IMAP client, in one throwaway folder.  Standard library, h2 and
cryptography only.  `lab.lab.Lab` is the way in."""
