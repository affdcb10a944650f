# fish completion for mailbell(8); install as /usr/share/fish/vendor_completions.d/mailbell.fish

function __mailbell_first
    not __fish_seen_subcommand_from status origins programs reach list show test account accounts silence add remove \
        revoke trace preview queue stats export import vapid setup doctor
end

function __mailbell_second -a verb
    __fish_seen_subcommand_from $verb; and not __fish_seen_subcommand_from $argv[2..-1]
end

complete -c mailbell -f
complete -c mailbell -s c -r -F -d 'another configuration'
complete -c mailbell -l json -d 'for programs'
complete -c mailbell -l yes -d 'do not ask'
complete -c mailbell -n __mailbell_first -l help -d 'how it is called'
complete -c mailbell -n __mailbell_first -l version -d 'the version'

complete -c mailbell -n __mailbell_first -a status -d 'how the daemon is and what it has done'
complete -c mailbell -n __mailbell_first -a origins -d 'the push services'
complete -c mailbell -n __mailbell_first -a programs -d 'what else of mailbell runs'
complete -c mailbell -n __mailbell_first -a reach -d 'try the way to each push service'
complete -c mailbell -n __mailbell_first -a list -d 'subscriptions, of one account or of all'
complete -c mailbell -n __mailbell_first -a show -d 'all that is known of one subscription'
complete -c mailbell -n __mailbell_first -a test -d 'push to every device of an account'
complete -c mailbell -n __mailbell_first -a account -d 'the settings of an account'
complete -c mailbell -n __mailbell_first -a accounts -d 'accounts with subscriptions'
complete -c mailbell -n __mailbell_first -a silence -d 'push nothing to a device for so long'
complete -c mailbell -n __mailbell_first -a add -d 'add a PushSubscription of a browser'
complete -c mailbell -n __mailbell_first -a remove -d 'remove one subscription'
complete -c mailbell -n __mailbell_first -a revoke -d 'remove all subscriptions of an account'
complete -c mailbell -n __mailbell_first -a trace -d 'what became of one message, and why'
complete -c mailbell -n __mailbell_first -a preview -d 'the push that a message would become'
complete -c mailbell -n __mailbell_first -a queue -d 'what waits to be sent'
complete -c mailbell -n __mailbell_first -a stats -d 'counters, gauges and the lag'
complete -c mailbell -n __mailbell_first -a export -d 'all subscriptions and settings as JSON Lines'
complete -c mailbell -n __mailbell_first -a import -d 'take in what export wrote'
complete -c mailbell -n __mailbell_first -a vapid -d 'the keys that pushes are signed by'
complete -c mailbell -n __mailbell_first -a setup -d 'put mailbell into this host, or take it out'
complete -c mailbell -n __mailbell_first -a doctor -d 'look for what is wrong'

complete -c mailbell -n '__mailbell_second queue list flush drop' -a 'list flush drop'
complete -c mailbell -n '__mailbell_second vapid list new rotate retire import export' \
    -a 'list new rotate retire import export'

complete -c mailbell -n '__fish_seen_subcommand_from account' -l content -x -a 'envelope sync site' \
    -d 'what its pushes hold'
complete -c mailbell -n '__fish_seen_subcommand_from accounts' -l check -d 'revoke unknown ones'
complete -c mailbell -n '__fish_seen_subcommand_from stats' -l prometheus -d 'its text format'
complete -c mailbell -n '__fish_seen_subcommand_from preview' -l user -x -d 'an account'
complete -c mailbell -n '__fish_seen_subcommand_from queue' -l all -d 'drop all that waits'
complete -c mailbell -n '__fish_seen_subcommand_from test' -l force -d 'also to services that are left alone'
complete -c mailbell -n '__fish_seen_subcommand_from vapid' -l force -d 'also a key that is used'
complete -c mailbell -n '__fish_seen_subcommand_from preview import add' -F
