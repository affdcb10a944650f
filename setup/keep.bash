# What was changed, so that it can be put back.  In $kept, which is root's alone (the store's folder is
# not: what lies there could be exchanged by the daemon's user):
#
#	list		a line "N PATH" for each file
#	N.before	what was there; missing where the file was made
#	N.after		what setup made of it
#	units		the units that were enabled

kept=$SYSCONFDIR/setup

# kept_number PATH: its N, or nothing.
kept_number()
{
	[ -e "$kept/list" ] && awk -v path="$1" 'substr($0, index($0, " ") + 1) == path { print $1 }' "$kept/list"
}

# without BEFORE AFTER CURRENT: CURRENT less the changes that lead from BEFORE to AFTER.  Each is looked
# for as a block of lines; a block that was only added and has been edited since goes line by line.  1
# where a changed line is another again: it stays as it is.
without()
{
	diff "$1" "$2" >"$work/hunks"
	awk -v hunks="$work/hunks" '
	function is_at(h, i,   j) {
		for (j = 1; j <= adds[h]; j++)
			if (i + j - 1 > NR || line[i + j - 1] != add[h, j])
				return 0
		return 1
	}
	function by_line(h,   i, j) {
		for (j = 1; j <= adds[h]; j++)
			for (i = 1; i <= NR; i++)
				if (!(i in gone) && !(i in place) && line[i] == add[h, j]) {
					gone[i]
					break
				}
	}
	BEGIN {
		while ((getline text < hunks) > 0) {
			if (text ~ /^[0-9]/) { n++; adds[n] = dels[n] = 0 }
			else if (text ~ /^</) del[n, ++dels[n]] = substr(text, 3)
			else if (text ~ /^>/) add[n, ++adds[n]] = substr(text, 3)
		}
	}
	{ line[NR] = $0 }
	END {
		from = 1
		for (h = 1; h <= n; h++) {
			for (i = from; i <= NR && !is_at(h, i); i++)
				;
			if (adds[h] > 0 && i <= NR) { place[i] = h; from = i + adds[h] }
			else if (dels[h] == 0) by_line(h)
			else failed = 1
		}
		for (i = 1; i <= NR; i++) {
			if (i in place) {
				h = place[i]
				for (j = 1; j <= dels[h]; j++)
					print del[h, j]
				i += adds[h] - 1
			} else if (!(i in gone))
				print line[i]
		}
		exit failed
	}' "$3"
}

# original PATH OUT: the file without what setup did to it earlier; OUT is missing where there was none.
# 1 where not all could be taken out.
original()
{
	local n before
	n=$(kept_number "$1")

	rm -f "$2"
	if [ -z "$n" ]; then
		[ ! -e "$1" ] || cp -p "$1" "$2"
	elif [ ! -e "$1" ] || cmp -s "$1" "$kept/$n.after"; then
		[ ! -e "$kept/$n.before" ] || cp -p "$kept/$n.before" "$2"
	else
		before=$kept/$n.before
		[ -e "$before" ] || before=/dev/null
		cp -p "$1" "$2"
		without "$before" "$kept/$n.after" "$1" >"$work/without"
		set -- "$1" "$2" $?
		cat "$work/without" >"$2"
		# A file of ours in which nothing of anybody else's is left.
		[ "$before" != /dev/null ] || grep -q '[^[:space:]]' "$2" || rm "$2"
		return "$3"
	fi
}

# keep PATH ORIGINAL NEW: notes it, before the file is changed.
keep()
{
	local n
	n=$(kept_number "$1")

	install -d -m 700 "$kept"
	if [ -z "$n" ]; then
		n=$(($(wc -l 2>/dev/null <"$kept/list" || echo 0) + 1))
		echo "$n $1" >>"$kept/list"
	fi
	rm -f "$kept/$n.before"
	[ ! -e "$2" ] || cp -p "$2" "$kept/$n.before"
	cp "$3" "$kept/$n.after"
	sync "$kept" 2>/dev/null
	return 0
}

# put NEW PATH: the file gets this text, all at once; owner and mode stay, or are root's and 644.
put()
{
	local path
	path=$(readlink -m "$2")

	if [ -e "$path" ]; then
		cp -p "$path" "$path.mailbell-new"
	else
		mkdir -p "${path%/*}"
		install -m 644 /dev/null "$path.mailbell-new"
	fi
	cat "$1" >"$path.mailbell-new" && mv "$path.mailbell-new" "$path"
}

# put_back PATH ORIGINAL: as it was, with owner, mode and time.
put_back()
{
	local path
	path=$(readlink -m "$1")

	if [ ! -e "$2" ]; then
		rm -f "$path"
		rmdir --ignore-fail-on-non-empty "${path%/*}" 2>/dev/null
		return 0
	fi
	cp -p "$2" "$path.mailbell-new" && mv "$path.mailbell-new" "$path"
}

# show PATH NEW: a unified diff; 1 where nothing differs.
show()
{
	local from=$1 to=$2

	[ -e "$from" ] || from=/dev/null
	[ -e "$to" ] || to=/dev/null
	! diff -u --label "$1" --label "$1" "$from" "$to"
}
