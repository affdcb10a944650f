# What doctor says of one account.

# name_at PROTOCOL ADDRESS: the account as Dovecot names it there; nothing where there is none.  The
# answer names a user only where that is another than was asked for.
name_at()
{
	local fields

	fields=$(doveadm ${DOVECOT_CONF:+-c "$DOVECOT_CONF"} user -x "service=$1" "$2" 2>/dev/null) || return
	awk -v name="$2" '$1 == "user" { name = $2 } END { print name }' <<<"$fields"
}

# Without the detail that Dovecot's lmtp takes off before it looks.
without_detail()
{
	local name=${1%@*} delimiter domain=''

	[[ $1 != *@* ]] || domain=@${1##*@}
	delimiter=$(setting recipient_delimiter)
	[ -z "$delimiter" ] || name=${name%%["$delimiter"]*}
	echo "$name$domain"
}

check_account()
{
	local login delivery rows row n=0

	login=$(name_at imap "$1")
	delivery=$(name_at lmtp "$(without_detail "$1")")
	if [ -z "$login$delivery" ]; then
		problem account "Dovecot knows no $1" "nobody can subscribe or be pushed to under that name" \
			"doveadm user '*' lists who there is; an alias is Postfix's, ask for the account behind it"
		return
	fi
	if [ -n "$login" ] && [ -n "$delivery" ] && [ "$login" != "$delivery" ]; then
		problem account "$1 is $login at login and $delivery at delivery" \
			"mail for the one does not ring the devices of the other" \
			"let auth_username_format in protocol lmtp and at login agree: mailbell setup"
	fi
	account=${delivery:-$login}
	good account "$1 is the account $account"
	rows=$(ask list "$account")
	while read -r row; do
		[ -n "$(field id "$row")" ] || continue
		n=$((n + 1))
		check_device "$account" "$row"
	done <<<"$rows"
	[ $n -gt 0 ] ||
		notice account "$account has no subscription" "there is no device to ring" \
			"sign in with a mail app that knows WEBPUSH; was it an account of another name? mailbell list"
}

# check_device ACCOUNT ROW: the state in words, the last answer, what to do.
check_device()
{
	local id state answer host
	id=$(field id "$2") state=$(field state "$2") answer=$(field last_answer "$2") host=$(field host "$2")

	case $state in
	active)
		good device "$id at $host: active, $(answer_words "$answer")" ;;
	silent)
		notice device "$id at $host: silent" "its app asked for silence, as a rule because it is connected" \
			"wait, or end the app's connection; mailbell show $1 $id says until when" ;;
	'not acknowledged')
		problem device "$id at $host: the verification push was not answered; $(answer_words "$answer")" \
			"nothing else is pushed before" "$(answer_remedy "$answer")" ;;
	'not acknowledged, endpoint gone')
		problem device "$id at $host: the push service does not know the device" \
			"nothing can be pushed to it" "let the app subscribe anew" ;;
	'key refused')
		problem device "$id at $host: the push service expects another VAPID key" \
			"it refuses every push" "put the old key back into $(setting state_dir)/vapid if it was lost, or let the app subscribe anew" ;;
	failing)
		problem device "$id at $host: pushes fail: $(answer_words "$answer")" \
			"it is tried again, mailbell show $1 $id says when" "$(answer_remedy "$answer")" ;;
	'newer format')
		problem device "$id was written by a newer version" "this one cannot read it" "run the newer mailbelld" ;;
	*)
		notice device "$id at $host: $state" "this doctor does not know that state" "mailbell show $1 $id" ;;
	esac
}

answer_words()
{
	case $1 in
	'' | null) echo "nothing was ever sent" ;;
	2??) echo "the last push was taken ($1)" ;;
	401 | 403) echo "the push service refuses our signature ($1)" ;;
	404 | 410) echo "the push service does not know the device ($1)" ;;
	413) echo "the push was too large ($1)" ;;
	429) echo "the push service asks for patience ($1)" ;;
	5??) echo "the push service has a fault of its own ($1)" ;;
	dns) echo "its name was not found" ;;
	connect) echo "no connection was made" ;;
	timeout) echo "it did not answer in time" ;;
	tls) echo "its certificate was not good" ;;
	refused) echo "its address may not be connected to" ;;
	*) echo "it answered $1" ;;
	esac
}

answer_remedy()
{
	case $1 in
	2??) echo "the service took it, the device did not answer: open the app; may it show notifications and run in the background?" ;;
	401 | 403) echo "is the clock right, is vapid_contact one of yours? Else the app subscribed with another key: let it subscribe anew" ;;
	404 | 410) echo "let the app subscribe anew" ;;
	429 | 5??) echo "wait; mailbelld tries again by itself" ;;
	dns | connect | timeout | tls | refused) remedy_of "$1" ;;
	*) echo "see mailbelld's log for this host" ;;
	esac
}
