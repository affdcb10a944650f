# bash completion for mailbell(8); install as /usr/share/bash-completion/completions/mailbell

_mailbell_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_mailbell_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

_mailbell() {
	local -r verbs="status origins programs reach list show test account accounts silence add remove revoke trace
	    preview queue stats export import vapid setup doctor"
	local i word verb="" second=""
	local -i n=0		# words behind the verb

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-c | --config | --content | --user) ((i++)) ;;
		-*) ;;
		*)	if [[ -z $verb ]]; then
				verb=$word
			elif [[ -z $second && $verb == @(queue|vapid) ]]; then
				second=$word
			else
				((n++))
			fi ;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-c | --config) _mailbell_files; return ;;
	--content) _mailbell_words "envelope sync site"; return ;;
	--user) return ;;
	esac
	if [[ -z $verb ]]; then
		_mailbell_words "$verbs -c --json --yes --help --version"
		return
	fi
	case "$verb $second" in
	"queue ") _mailbell_words "list flush drop" ;;
	"vapid ") _mailbell_words "list new rotate retire import export" ;;
	"account ") _mailbell_words "--content --json" ;;
	"accounts ") _mailbell_words "--check --yes --json" ;;
	"test ") _mailbell_words "--force --json" ;;
	"stats ") _mailbell_words "--prometheus --json" ;;
	"queue drop") _mailbell_words "--all --yes" ;;
	"vapid retire") _mailbell_words "--force --yes" ;;
	"preview ")
		if ((n == 0)) && [[ ${COMP_WORDS[COMP_CWORD]} != -* ]]; then
			_mailbell_files
		else
			_mailbell_words "--user --json"
		fi ;;
	"import " | "vapid import") _mailbell_files ;;
	"add ") ((n == 2)) && _mailbell_files ;;
	"remove " | "revoke " | "vapid rotate") _mailbell_words "--yes" ;;
	"setup ") _mailbell_words "--hook --contact --dry-run --yes --undo --help" ;;
	*) _mailbell_words "--json" ;;
	esac
}

complete -F _mailbell mailbell
