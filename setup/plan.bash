# What the three files will be: each function prints a whole new text.

# The socket that Postfix delivers to, within its queue folder, as Postfix names it.
socket()
{
	[ "$hook" = lmtp ] && echo private/mailbell-lmtp || echo private/mailbell-dovecot
}

# Short times: mail does not wait for pushes.
milter='{ unix:mailbell/milter, default_action=accept, connect_timeout=2s, command_timeout=2s, content_timeout=5s }'

# choose: sets road, parameter and delivery from what Postfix does now, where nothing was said.
choose()
{
	if [ -z "$road" ]; then
		road=system
		[ -z "$(pf -hx virtual_mailbox_domains)" ] || road=virtual
	fi
	parameter=$(transport_parameter "$road")
	delivery=$(delivered_by "$parameter")
	refuse_other_host
	[ "$road" = system ] || find_mail_user
	names=$(tell_names)
}

# A Dovecot on another host cannot be followed by a daemon on this one.
refuse_other_host()
{
	local value
	value=$(pf -h "$parameter")

	case $value in
	lmtp:unix:* | lmtp:inet:127.* | lmtp:inet:localhost* | lmtp:inet:\[127.* | lmtp:inet:\[::1\]*) ;;
	lmtp:127.* | lmtp:localhost* | lmtp:\[127.* | lmtp:\[::1\]*) ;;
	lmtp:*) fail $EX_CONFIG "$parameter = $value: Dovecot is on another host, and mailbell serves one host" ;;
	esac
}

# The user that Dovecot's mail processes run as, with virtual users.
find_mail_user()
{
	local uid=$mail_user

	[ -n "$uid" ] || uid=$(active mail_users)
	uid=${uid%% *}
	[ -n "$uid" ] || uid=$(dc -h mail_uid)
	[ -n "$uid" ] || uid=$(dc -n | sed -En 's/.*[ =]uid(:default)? *= *([A-Za-z0-9_-]+).*/\2/p' | head -n 1)
	[ -n "$uid" ] || uid=$(pf -h virtual_uid_maps | sed -n 's/^static:\([0-9]*\)$/\1/p')
	[ -n "$uid" ] || uid=vmail
	mail_user=$(getent passwd "$uid" | cut -d : -f 1)
	[ -n "$mail_user" ] ||
		fail $EX_CONFIG "the user that Dovecot keeps mail as cannot be found: name it with --mail-user"
	mail_group=$(id -gn "$mail_user")
}

# Whether main.cf has to change, and Postfix to deliver to this socket.
needs_transport()
{
	[ "$hook" = lmtp ] || [ "$delivery" = postfix ]
}

# Dovecot takes no mail for root and for system users: it would be deferred for days.  So where Postfix
# wrote all mail itself, only what is for people goes to Dovecot.  The map is asked with the user's line
# of /etc/passwd.
needs_map()
{
	needs_transport && [ "$road" = system ] && [ "$delivery" != lmtp ]
}

# at_least N: a regular expression for such numbers.
at_least()
{
	local i digit out="$1|[0-9]{$((${#1} + 1)),}"

	for ((i = 0; i < ${#1}; i++)); do
		digit=${1:i:1}
		[ "$digit" -eq 9 ] || out+="|${1:0:i}[$((digit + 1))-9][0-9]{$((${#1} - i - 1))}"
	done
	echo "($out)"
}

new_users_map()
{
	local uid
	uid=$(dc -h first_valid_uid)

	cat <<-END
	# Written by mailbell setup; mailbell setup --undo takes it away.
	# Users from uid $uid on (Dovecot's first_valid_uid) get their mail from Dovecot, all others as ever.
	if !/^nobody:/
	/^[^:]*:[^:]*:$(at_least "$uid"):/ lmtp:unix:$(socket)
	endif
	END
}

# new_main_cf ORIGINAL: by postconf -e, on a copy.
new_main_cf()
{
	local folder=$work/postfix.new milters maps
	milters=$(pf -h smtpd_milters)

	mkdir "$folder"
	cp "$1" "$folder/main.cf"
	cp "${main_cf%/*}/master.cf" "$folder/master.cf"
	if needs_map; then
		maps=$(pf -h mailbox_transport_maps)
		postconf -c "$folder" -e "mailbox_transport_maps = ${maps:+$maps, }pipemap:{unix:passwd.byname, regexp:${main_cf%/*}/$users_map}" 2>/dev/null
	elif needs_transport; then
		postconf -c "$folder" -e "$parameter = lmtp:unix:$(socket)" 2>/dev/null
	fi
	if [ "$hook" = milter ]; then
		postconf -c "$folder" -e "smtpd_milters = ${milters:+$milters, }$milter" 2>/dev/null
		milters=$(pf -h non_smtpd_milters)
		# What local programs hand in; where it follows smtpd_milters, it has ours already.
		[[ $milters == *'$smtpd_milters'* ]] ||
			postconf -c "$folder" -e "non_smtpd_milters = ${milters:+$milters, }$milter" 2>/dev/null
	fi
	cat "$folder/main.cf"
}

username_format()
{
	if [ "$road" = system ]; then
		[[ $dovecot_version == 2.4.* ]] && echo '%{user | username | lower}' || echo %Ln
	elif cut_names; then
		within imap auth_username_format
	fi
}

# load NAME...: a line that loads modules, in the grammar of this Dovecot.
load()
{
	if [[ $dovecot_version == 2.4.* ]]; then
		echo "  mail_plugins {"
		printf '    %s = yes\n' "$@"
		echo "  }"
	else
		echo "  mail_plugins = \$mail_plugins $*"
	fi
}

# listener PATH USER: a socket of Dovecot's lmtp that this user alone may use.
listener()
{
	cat <<-END
	service lmtp {
	  unix_listener $1 {
	    mode = 0600
	    user = $2
	  }
	}
	END
}

new_dovecot()
{
	local format
	format=$(username_format)

	echo "# Written by mailbell setup; mailbell setup --undo takes it away."
	echo "protocol lmtp {"
	load notify mailbell
	if [ -n "$format" ]; then
		echo "  # The same names at delivery as at login."
		echo "  auth_username_format = $format"
	fi
	echo "}"
	echo "protocol lda {"
	load notify mailbell
	echo "}"
	echo "protocol imap {"
	load imap_mailbell
	echo "}"
	if [ "$hook" = lmtp ]; then
		listener mailbell-lmtp mailbell-hook
	elif needs_transport; then
		listener "$queue/$(socket)" "$(pf -h mail_owner)"
	fi
}

wanted_settings()
{
	echo "hook = $hook"
	[ -z "$contact" ] || echo "vapid_contact = $contact"
	case $hook in
	lmtp)
		echo "lmtp_listen = unix:$queue/$(socket)"
		echo "lmtp_backend = unix:$dovecot_base/mailbell-lmtp" ;;
	milter)
		echo "milter_listen = unix:$queue/mailbell/milter" ;;
	esac
	if [ "$road" = system ]; then
		printf '%s\n' "system_users = yes" "account_format = localpart" "mail_users =" "mail_group = mail"
	else
		printf '%s\n' "mail_users = $mail_user" "mail_group = $mail_group"
	fi
}

# new_config ORIGINAL: settings that are there get their new value in their place, others stand at the end.
new_config()
{
	wanted_settings >"$work/wanted"
	awk -v wanted="$work/wanted" '
	function key(line) {
		return line ~ /^[a-z0-9_]+[ \t]*=/ ? substr(line, 1, match(line, /[ \t]*=/) - 1) : ""
	}
	BEGIN {
		while ((getline line < wanted) > 0) {
			order[++n] = key(line)
			text[key(line)] = line
		}
	}
	key($0) in text {
		k = key($0)
		if (!(k in done))
			print text[k]
		done[k]
		next
	}
	{ print }
	END {
		for (i = 1; i <= n; i++)
			if (!(order[i] in done)) {
				if (!headed++)
					print "\n# Written by mailbell setup; mailbell setup --undo takes it away."
				print text[order[i]]
			}
	}' "$1"
}

# With virtual users the daemon gives sockets to a group that the unit cannot know.
new_drop_in()
{
	printf '[Service]\nSupplementaryGroups=%s\n' "$mail_group"
}

# Where mail is stored, now and from now on.
tell_storage()
{
	local was now box

	case $dovecot_version in
	2.4.*) now="$(dc -h mail_driver):$(dc -h mail_path) (inbox: $(dc -h mail_inbox_path))" ;;
	*) now=$(dc -h mail_location) ;;
	esac
	if ! needs_transport || [ "$delivery" != postfix ]; then
		echo "  mail stays where it is: Dovecot writes it, as before, to ${now:-what its userdb says}"
		return
	fi
	if [ "$road" = virtual ]; then
		was="$(pf -h virtual_mailbox_base)/$(pf -h virtual_mailbox_maps)"
	else
		box=$(pf -h home_mailbox)
		was="$(pf -h mail_spool_directory)/USER"
		[ -z "$box" ] || was='~/'$box
	fi
	echo "  until now Postfix itself writes mail, to $was"
	echo "  from then on Dovecot's lmtp writes it, to ${now:-what its userdb says}"
	! needs_map || echo "  mail of root and other users below uid $(dc -h first_valid_uid) stays with Postfix"
	if same_place "$was" "$now"; then
		echo "  that is the same place"
	else
		echo "  !! look whether that is the same place: mail that is there is not moved"
	fi
	box=$(pf -h mailbox_command)
	if [ "$road" = system ] && [ -n "$box" ]; then
		echo "  !! mailbox_command = $box is not run any more: Sieve takes its place"
	fi
}

# Where the same account has two names.
tell_names()
{
	[ "$road" = virtual ] && cut_names || return
	echo "  !! an account has one name at delivery and another at login: auth_username_format is"
	echo "     $(within lmtp auth_username_format) in protocol lmtp, and $(within imap auth_username_format) in protocol imap; delivery gets that of login"
}

same_place()
{
	case $2 in
	mbox:*INBOX=/var/mail/%u*) [ "$1" = /var/mail/USER ] ;;
	maildir:~/*) [ "${1%/}" = "${2#maildir:}" ] ;;
	*"inbox: /var/mail/%{user}"*) [ "$1" = /var/mail/USER ] ;;
	*) return 1 ;;
	esac
}
