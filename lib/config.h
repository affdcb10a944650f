/*
 * config: mailbell.conf, one file for all programs (mailbell.conf(5)).
 *
 * `key = value`, '#' comments.  Every program reads the whole file: an unknown key or a bad value is
 * an error with file and line, in each.  The table of keys in config.c is the only place that knows
 * names, defaults and bounds.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/log.h"

#define CONFIG_PATH	SYSCONFDIR "/mailbell.conf"

enum config_hook { HOOK_LMTP, HOOK_MILTER, HOOK_DOVECOT };
enum config_locate { LOCATE_DOVECOT, LOCATE_NONE };
enum config_content { CONTENT_ENVELOPE, CONTENT_SYNC };
enum config_account { ACCOUNT_ADDRESS, ACCOUNT_LOCALPART, ACCOUNT_EXACT };
enum config_http { HTTP_AUTO, HTTP_1_1, HTTP_2 };
enum config_family { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };
enum config_log { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG };

struct config_list {
	char	**v;
	size_t	  n;
};

/* Text that was not given and has no default is NULL.  Times are seconds, sizes octets. */
struct config {
	int		 hook;			/* enum config_hook ... */
	int		 locate;
	struct config_list lmtp_listen;
	char		*lmtp_backend;
	int64_t		 lmtp_workers;		/* 0: one per core, 2 at least */
	char		*milter_listen;
	int64_t		 milter_wait;
	char		*state_dir, *run_dir;
	char		*user, *hook_user, *admin_group;
	struct config_list mail_users;
	char		*mail_group;
	bool		 system_users;
	int		 account_format;
	char		*recipient_delimiter;
	char		*vapid_contact;
	int		 content;
	struct config_list subscribers;
	struct config_list endpoint_hosts, endpoint_allow;
	struct config_list endpoint_ports;	/* numbers, checked */
	bool		 endpoint_literals;
	struct config_list own_addresses, nat64_prefix;
	char		*bind_address;
	int		 address_family;
	char		*push_ca_file;
	int		 http_version;
	int64_t		 subscriptions_max, token_lifetime;
	int64_t		 burst, burst_interval, send_delay;
	int64_t		 unseen_max, sync_interval;
	int64_t		 dead_after, refresh_max;
	struct config_list quiet_mailboxes;
	bool		 quiet_bulk;
	struct config_list quiet_header;	/* "Name: value" */
	int64_t		 locate_timeout, arrival_timeout;
	int		 log;
	int		 log_level;		/* enum log_level */
};

/* Fills c from path, with defaults for what is not there; c is then the caller's to clear. */
int	config_load(const char *path, struct config *c, struct err *err);
void	config_clear(struct config *c);
/* Every key with its value, as a file that config_load reads. */
void	config_print(const struct config *c, FILE *out);

/*
 * A list of patterns ('*' stands for any octets, a leading '!' refuses): the last one that matches
 * decides; where none does, text is refused.  config_match_fold takes upper and lower case as equal.
 */
bool	config_match(const struct config_list *patterns, const char *text);
bool	config_match_fold(const struct config_list *patterns, const char *text);

#endif
