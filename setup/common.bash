# What setup and doctor share.  paths.bash, made by `make`, says where things are installed.

here=$(dirname "${BASH_SOURCE[0]}")
. "$here/paths.bash"
PATH=$SBINDIR:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
config=$SYSCONFDIR/mailbell.conf
users_map=mailbell-users	# beside main.cf

# Exit codes of sysexits.h.
EX_USAGE=64 EX_NOUSER=67 EX_UNAVAILABLE=69 EX_NOPERM=77 EX_CONFIG=78

fail()
{
	local code=$1

	shift
	echo "mailbell $program: $*" >&2
	exit "$code"
}

# POSTFIX_DIR and DOVECOT_CONF are empty but for tests.  What is asked of Postfix and Dovecot; setup asks
# copies in which nothing of its own is.
postfix_asked=$POSTFIX_DIR
dovecot_asked=$DOVECOT_CONF

pf()
{
	postconf ${postfix_asked:+-c "$postfix_asked"} "$@" 2>/dev/null
}

dc()
{
	doveconf ${dovecot_asked:+-c "$dovecot_asked"} "$@" 2>/dev/null
}

# find_servers: sets postfix_version, dovecot_version, queue, main_cf, dovecot_conf, dovecot_base.
find_servers()
{
	postfix_version=$(pf -h mail_version) ||
		fail $EX_UNAVAILABLE "there is no Postfix that postconf could read"
	dovecot_version=$(dovecot --version 2>/dev/null) ||
		fail $EX_UNAVAILABLE "there is no Dovecot"
	dovecot_version=${dovecot_version%% *}
	case $dovecot_version in
	2.3.* | 2.4.*) ;;
	*) fail $EX_UNAVAILABLE "Dovecot $dovecot_version is none that the modules are made for (2.3, 2.4)" ;;
	esac
	queue=$(pf -h queue_directory)
	main_cf=$(pf -h config_directory)/main.cf
	dovecot_conf=${DOVECOT_CONF:-$(dc -n | sed -n '1s/^# [^:]*: //p')}
	dovecot_base=$(dc -h base_dir)
	[ -n "$dovecot_base" ] || fail $EX_CONFIG "doveconf cannot read Dovecot's configuration: run doveconf -n"
}

# has_word WORD TEXT: by spaces, commas and the braces of Dovecot 2.4.
has_word()
{
	local word

	for word in ${2//[,\{\}=]/ }; do
		[ "$word" != "$1" ] || return 0
	done
	return 1
}

# within PROTOCOL NAME: the value of a setting there.  Dovecot 2.4 takes no -h beside -f.
within()
{
	dc -f "protocol=$1" "$2" | sed "1s/^$2 *=\{0,1\} *//"
}

# plugins PROTOCOL: the modules that Dovecot loads there.  In 2.4 they are lines of NAME = yes, and what a
# protocol has comes to what is global, which doveconf does not show there.
plugins()
{
	if [[ $dovecot_version == 2.4.* ]]; then
		{ dc mail_plugins; within "$1" mail_plugins; } | awk '
			$2 == "=" { on[$1] = $3 }
			END { for (name in on) if (on[name] == "yes") print name }'
	else
		within "$1" mail_plugins
	fi
}

# cut_names: whether delivery and login make different account names of one address.
cut_names()
{
	[ "$(within lmtp auth_username_format)" != "$(within imap auth_username_format)" ]
}

# transport_parameter ROAD: the parameter of main.cf that says who writes to mailboxes.
transport_parameter()
{
	if [ "$1" = virtual ]; then
		echo virtual_transport
	elif [[ $(pf -h local_transport) == lmtp:* ]]; then
		echo local_transport
	else
		echo mailbox_transport
	fi
}

# delivered_by PARAMETER: lmtp, lda or postfix.
delivered_by()
{
	local value
	value=$(pf -h "$1")

	# What setup writes for system users.
	[ "$1" = virtual_transport ] || [[ $(pf -h mailbox_transport_maps) != *"$users_map"* ]] || value=lmtp:
	case $value in
	lmtp:*) echo lmtp; return ;;
	'') value=$(pf -h mailbox_command) ;;
	*) value=$(pf -M "${value%%:*}/unix") ;;
	esac
	case $value in
	*dovecot-lda* | */dovecot/deliver*) echo lda ;;
	*) echo postfix ;;
	esac
}

postfix_runs()
{
	[ -z "$POSTFIX_DIR" ] && postfix status 2>/dev/null
}

dovecot_runs()
{
	local pid

	[ -z "$DOVECOT_CONF" ] && read -r pid 2>/dev/null <"$dovecot_base/master.pid" &&
		kill -0 "$pid" 2>/dev/null
}

systemd_runs()
{
	[ -d /run/systemd/system ] && [ -e "$UNITDIR/mailbelld.service" ]
}

# active KEY: what mailbell.conf itself says, without defaults.
active()
{
	sed -n "s/^$1[ \t]*=[ \t]*//p" "$config" 2>/dev/null | paste -s -d ' ' -
}

# setting KEY: as the programs read it, with its default.
setting()
{
	[ -n "${settings-}" ] || settings=$(mailbelld -c "$config" --print)
	sed -n "s/^$1 = *//p" <<<"$settings" | paste -s -d ' ' -
}
