# What doctor looks at.  Each function tells by `good`, `notice` and `problem`; none changes anything.

check_configuration()
{
	local text code=0 mode owner contact

	text=$(mailbelld -c "$config" --check 2>&1) || code=$?
	if [ $code != 0 ] && [ $code != $EX_NOUSER ]; then	# check_users tells of missing ones
		problem configuration "${text#mailbelld: fatal: }" \
			"no program of mailbell starts with it" "correct it: mailbell.conf(5)"
		return 1
	fi
	good configuration "$config is valid"
	read -r owner mode < <(stat -L -c '%U %a' "$config")
	[ "$owner" = root ] && ! ((0$mode & 022)) ||
		problem configuration "$config belongs to $owner and has mode $mode" \
			"who can write it decides where pushes go" "chown root $config && chmod 644 $config"
	contact=$(setting vapid_contact)
	case $contact in
	*example.org | *example.com | *example.net)
		notice contact "vapid_contact is $contact" \
			"nobody can be reached there, and a push service may refuse it" "name an address of yours" ;;
	*) good contact "push services may write to $contact" ;;
	esac
}

check_users()
{
	local name missing=''

	for name in "$(setting user)" "$(setting hook_user)" $(setting mail_users); do
		getent passwd "$name" >/dev/null || missing+=" user:$name"
	done
	for name in "$(setting admin_group)" "$(setting mail_group)"; do
		getent group "$name" >/dev/null || missing+=" group:$name"
	done
	if [ -n "$missing" ]; then
		problem users "there is no$missing" "mailbelld cannot start" "mailbell setup makes its own; correct mail_users and mail_group"
	else
		good users "all are there"
	fi
}

# rights PATH OWNER GROUP MODE: empty OWNER or GROUP: any.
rights()
{
	local owner group mode

	if ! read -r owner group mode < <(stat -c '%U %G %a' "$1" 2>/dev/null); then
		problem rights "$1 is not there" "nobody gets through" "start mailbelld; see its log"
		return
	fi
	if [ "${2:-$owner}:${3:-$group}:$4" = "$owner:$group:$mode" ]; then
		good rights "$1 ($owner:$group, $mode)"
	else
		problem rights "$1 is $owner:$group with mode $mode, not ${2:-$owner}:${3:-$group} with $4" \
			"others get in, or those who should do not" "restart mailbelld, which sets it; or chown and chmod"
	fi
}

check_rights()
{
	local user run state key
	user=$(setting user) run=$(setting run_dir) state=$(setting state_dir)

	rights "$state" "$user" '' 700
	rights "$state/vapid" "$user" '' 700
	for key in "$state"/vapid/*.pem; do
		rights "$key" "$user" '' 400
	done
	rights "$run" "$user" '' 755
	rights "$run/arrival" "$user" "$(setting hook_user)" 660
	rights "$run/admin" "$user" "$(setting admin_group)" 660
	if [ "$(setting system_users)" = yes ]; then
		rights "$run/saved" "$user" '' 666
		rights "$run/command" "$user" '' 666
	else
		rights "$run/saved" "$user" "$(setting mail_group)" 660
		rights "$run/command" "$user" "$(setting mail_group)" 660
	fi
}

# value NAME: of `mailbell status`.
value()
{
	sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*$/\1/p" <<<"$status"
}

# field NAME ROW: of one object on a line.
field()
{
	sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$2"
}

check_daemon()
{
	local row program version

	if ! status=$(ask status); then
		problem daemon "mailbelld does not answer: $(ask status 2>&1 >/dev/null)" \
			"nothing is pushed; mail itself is not touched" "start it (systemctl start mailbelld), and see its log"
		return 1
	fi
	good daemon "mailbelld $(value version) answers"
	[ "$(value version)" = "$VERSION" ] ||
		problem daemon "mailbelld runs in version $(value version), and $VERSION is installed" \
			"it was not started anew after the upgrade" "systemctl restart mailbelld"
	[ "$(value vapid_key)" != null ] ||
		problem vapid "there is no current VAPID key" "no push can be signed, and no device can subscribe" \
			"mailbelld's log says why; mailbell vapid list"
	while read -r row; do
		program=$(field program "$row") version=$(field version "$row")
		[ -n "$program" ] || continue
		if [ "$version" = "$VERSION" ]; then
			good programs "$program $version was here"
		else
			problem programs "$program has version $version, and $VERSION is installed" \
				"it is of before an upgrade" "doveadm reload, and restart the hook; then see whether it is older than the restart of mailbelld"
		fi
	done < <(ask programs)
	check_counters
}

check_counters()
{
	[ "$(value refused_peers)" = 0 ] ||
		problem daemon "$(value refused_peers) connections came from users who may not" \
			"what they had to tell was not heard" "add the user of Dovecot's mail processes to mail_users, or set system_users = yes"
	[ "$(value wrong_hook)" = 0 ] ||
		notice daemon "$(value wrong_hook) messages were told by another hook than hook = $(value hook)" \
			"they are dropped" "stop that hook, or change hook"
	[ "$(value store_errors)" = 0 ] ||
		problem daemon "$(value store_errors) changes could not be written" "subscriptions and pushes may be lost" \
			"look at the disk and at mailbelld's log"
	[ "$(value lost_by_hooks)" = 0 ] ||
		notice daemon "$(value lost_by_hooks) events were lost while mailbelld was away" \
			"those messages rang nobody" "let the service manager restart mailbelld"
}

check_dovecot()
{
	local protocol name

	if dovecot_runs; then
		good dovecot "Dovecot $dovecot_version runs"
	else
		problem dovecot "Dovecot does not run" "no mail is delivered and nobody can subscribe" "start it"
	fi
	for name in lib20_mailbell_plugin lib21_imap_mailbell_plugin; do
		[ -r "$MODULEDIR/$name.so" ] ||
			problem dovecot "$MODULEDIR/$name.so is not there" "Dovecot does not start a service that names it" "make install"
	done
	for protocol in lmtp:mailbell lda:mailbell imap:imap_mailbell; do
		name=${protocol#*:} protocol=${protocol%:*}
		if has_word "$name" "$(plugins $protocol)"; then
			good dovecot "protocol $protocol loads $name"
		else
			problem dovecot "protocol $protocol does not load $name" \
				"$([ $protocol = imap ] && echo 'nobody can subscribe' || echo 'deliveries there ring nobody')" "mailbell setup"
		fi
	done
	check_abi
	check_names
	check_run_dir
	check_backend
}

# abi_of MODULE: the version of Dovecot's interface that it was built for.
abi_of()
{
	grep -a -o -m 1 '[0-9]\+\.[0-9]\+\.ABIv[0-9]\+' "$MODULEDIR/$1.so" 2>/dev/null | head -n 1
}

check_abi()
{
	local name ours theirs
	theirs=$(abi_of lib15_notify_plugin)

	[ -n "$theirs" ] || return
	for name in lib20_mailbell_plugin lib21_imap_mailbell_plugin; do
		ours=$(abi_of $name)
		[ -z "$ours" ] || [ "$ours" = "$theirs" ] ||
			problem dovecot "$name.so was built for Dovecot's ABI $ours, and this one has $theirs" \
				"it does nothing: nobody is rung, and no app can subscribe" \
				"build and install mailbell anew, or install the package of this release; then doveadm reload"
	done
}

# With virtual users, an account is what Dovecot makes of an address; users of the system have short names.
check_names()
{
	[ "$(setting system_users)" = no ] || return
	if cut_names; then
		problem dovecot "auth_username_format is $(within lmtp auth_username_format) in protocol lmtp, and $(within imap auth_username_format) in protocol imap" \
			"mail for one account name does not ring the devices of the other" "mailbell setup"
	else
		good dovecot "an account has the same name at delivery and at login"
	fi
}

# The modules look into the folder that they were built for, unless Dovecot's processes are told another.
check_run_dir()
{
	local run
	run=$(setting run_dir)

	[ "$run" = "$RUNDIR" ] || [[ $(dc import_environment) =~ MAILBELL_RUN_DIR\ *=\ *"$run"(\ |$'\n'|$) ]] ||
		problem dovecot "run_dir is $run, and Dovecot's modules look into $RUNDIR" \
			"they do not find mailbelld: nobody is rung, and no app can subscribe" \
			"add MAILBELL_RUN_DIR=$run to Dovecot's import_environment"
}

# What mailbell-lmtp delivers to.
check_backend()
{
	local path mode owner user
	path=$(setting lmtp_backend) user=$(setting hook_user)

	[ "$(setting hook)" = lmtp ] && [[ $path == unix:* ]] || return
	path=${path#unix:}
	if [ ! -S "$path" ]; then
		problem dovecot "$path is not there" "mailbell-lmtp cannot deliver, mail is deferred" \
			"doveadm reload; lmtp_backend and Dovecot's service lmtp have to name the same socket"
		return
	fi
	read -r owner mode < <(stat -c '%U %a' "$path")
	if [ "$owner" = "$user" ] || ((0$mode & 2)); then
		good dovecot "$path may be used by $user"
	else
		problem dovecot "$path may not be used by $user" "mailbell-lmtp cannot deliver, mail is deferred" \
			"set user = $user for that unix_listener"
	fi
}

check_postfix()
{
	local value

	if postfix_runs; then
		good postfix "Postfix $postfix_version runs"
	else
		problem postfix "Postfix does not run" "no mail comes" "postfix start"
	fi
	case $(setting hook) in
	lmtp) check_transport ;;
	milter) check_milter; check_delivery ;;
	dovecot) check_delivery ;;
	esac
	value=$(pf -h smtpd_forbid_bare_newline)
	case $value in
	yes | normalize) good postfix "smtpd_forbid_bare_newline = $value" ;;
	'') notice postfix "this Postfix has no smtpd_forbid_bare_newline" "mail may be smuggled in behind other mail" "update Postfix" ;;
	*) notice postfix "smtpd_forbid_bare_newline = $value" "mail with forged senders may be smuggled in behind other mail" \
		"postconf -e smtpd_forbid_bare_newline=normalize (or yes, in Postfix before 3.9) && postfix reload" ;;
	esac
}

check_transport()
{
	local parameter value named='' past='' listen
	listen=$(setting lmtp_listen)

	for parameter in virtual_transport mailbox_transport local_transport; do
		value=$(pf -h $parameter)
		case $value in
		lmtp:*mailbell-lmtp*) named=$parameter ;;
		lmtp:*) past="$past $parameter" ;;
		esac
	done
	value=$(pf -h mailbox_transport_maps)
	if [[ $value == *"$users_map"* ]] && grep -q mailbell-lmtp "${main_cf%/*}/$users_map"; then
		named=mailbox_transport_maps
	fi
	if [ -n "$named" ]; then
		good postfix "$named delivers through mailbell-lmtp"
	else
		problem postfix "neither virtual_transport nor mailbox_transport names mailbell-lmtp" \
			"mail goes past the hook: pushes come without sender and subject" "mailbell setup"
	fi
	[ -z "$past" ] ||
		notice postfix "$past delivers past mailbell-lmtp" "such mail is pushed without sender and subject" "name lmtp:unix:private/mailbell-lmtp there, too"
	[[ $listen != unix:* ]] || [ -S "${listen#unix:}" ] ||
		problem hook "${listen#unix:} is not there" "mail is deferred" "start mailbell-lmtp"
	[[ $(ask programs) == *mailbell-lmtp* ]] ||
		problem hook "mailbell-lmtp has not introduced itself to mailbelld" "mail is deferred, or pushes are late" "start mailbell-lmtp, see its log"
}

# Dovecot has to be the one who writes mail.
check_delivery()
{
	local road=virtual parameter
	[ "$(setting system_users)" = no ] || road=system
	parameter=$(transport_parameter $road)

	if [ "$(delivered_by "$parameter")" = postfix ]; then
		problem postfix "Postfix writes mail itself ($parameter)" "Dovecot does not see deliveries, and nobody rings" "mailbell setup"
	else
		good postfix "Dovecot writes mail ($parameter)"
	fi
}

check_milter()
{
	local listen milters
	listen=$(setting milter_listen)
	milters=$(pf -h smtpd_milters)

	[[ $listen != unix:* ]] || [ -S "${listen#unix:}" ] ||
		problem hook "${listen#unix:} is not there" "pushes come without sender and subject" "start mailbell-milter"
	if [[ $milters != *mailbell* ]]; then
		problem postfix "smtpd_milters does not name mailbell-milter" "pushes come without sender and subject" "mailbell setup --hook milter"
		return
	fi
	good postfix "smtpd_milters names mailbell-milter"
	[[ $milters == *mailbell*default_action=accept* ]] || [ "$(pf -h milter_default_action)" = accept ] ||
		problem postfix "milter_default_action = $(pf -h milter_default_action)" \
			"no mail is taken while mailbell-milter is away" "smtpd_milters = { unix:mailbell/milter, default_action=accept }"
}

check_host()
{
	local state free inodes
	state=$(setting state_dir)

	free=$(df -P -k "$state" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
	inodes=$(df -P -i "$state" 2>/dev/null | awk 'NR == 2 && $2 > 0 { print $4 }')
	if [ "${free:-0}" -lt 100 ] || [ "${inodes:-1000}" -lt 1000 ]; then
		problem disk "$state has ${free:-0} MB and ${inodes:-?} inodes left" \
			"subscriptions are refused, and pushes lost" "make room"
	elif [ "$free" -lt 1000 ]; then
		notice disk "$state has $free MB left" "pushes stop when it is full" "make room"
	else
		good disk "$state has $free MB left"
	fi
	if [ "$(date +%s)" -lt "$(stat -c %Y "$here/paths.bash")" ]; then
		problem clock "it is $(date) here, before mailbell was installed" \
			"push services refuse tokens of the past" "set the clock"
	elif systemd_runs && [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)" = no ]; then
		notice clock "the clock is not synchronised" "push services refuse tokens when it is wrong by hours" "enable systemd-timesyncd or chrony"
	else
		good clock "it is $(date -u '+%F %T') UTC"
	fi
	[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -n "$(setting push_ca_file)" ] ||
		problem tls "/etc/ssl/certs/ca-certificates.crt is not there" "no push service can be trusted" "install ca-certificates"
}

check_reach()
{
	local rows row host result

	if [ "$(value subscriptions)" = 0 ]; then
		good reach "nobody has subscribed yet: no push service was tried"
		return
	fi
	rows=$(ask reach)
	while read -r row; do
		host=$(field origin "$row") result=$(field result "$row")
		[ -n "$host" ] || continue
		if [ "$result" = http ]; then
			good reach "$host answers ($(field status "$row"))"
		else
			problem reach "$host: $result" "no push gets there" "$(remedy_of "$result")"
		fi
	done <<<"$rows"
}

# remedy_of ANSWER: what helps where a push service could not be reached.
remedy_of()
{
	case $1 in
	dns) echo "its name is not found: look at /etc/resolv.conf and the resolver" ;;
	connect | timeout) echo "no connection: a firewall has to let outbound TCP to ports 443 and 8443 pass" ;;
	tls) echo "its certificate is not good: ca-certificates, the clock, or push_ca_file for a server of yours" ;;
	refused) echo "its address is a private one: name your own push server in endpoint_allow" ;;
	*) echo "the connection broke: see mailbelld's log" ;;
	esac
}
