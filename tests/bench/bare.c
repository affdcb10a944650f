/*
 * bare: a milter that negotiates what milter/filter.c does and throws all of it away, so what it costs is
 * libmilter's and the MTA's.
 *
 *	bare SOCKET
 *
 * That both negotiate the same is for who runs it to check: nothing of filter.c is linked here.
 */
#include <err.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

#define STEPS	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT | SMFIP_NODATA | SMFIP_NOEOH | \
		 SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_HDR_LEADSPC | SMFIP_NR_HDR)

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused2,
    unsigned long unused3, unsigned long *use_actions, unsigned long *use_steps,
    unsigned long *use2, unsigned long *use3)
{
	char none[] = "{mailbell_none}", queue_id[] = "i";

	(void)unused2;
	(void)unused3;
	*use2 = *use3 = 0;
	*use_actions = actions & SMFIF_SETSYMLIST;
	*use_steps = steps & STEPS;
	for (int where = SMFIM_FIRST; where <= SMFIM_LAST; where++)
		smfi_setsymlist(ctx, where, where == SMFIM_EOM ? queue_id : none);
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat
on_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_ACCEPT;
}

int
main(int argc, char **argv)
{
	struct smfiDesc filter = {
		.xxfi_name = (char[]){ "bare" }, .xxfi_version = SMFI_VERSION, .xxfi_flags = SMFIF_NONE,
		.xxfi_negotiate = on_negotiate, .xxfi_header = on_header, .xxfi_eom = on_end,
	};

	if (argc != 2)
		errx(64, "usage: bare SOCKET");
	umask(0);	/* Postfix connects as a user of its own */
	if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS)
		errx(1, "%s: libmilter cannot listen there; its log says why", argv[1]);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
