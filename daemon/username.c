#include <pwd.h>
#include <string.h>

#include "daemon/username.h"

int
username_look(uid_t uid, char *name, size_t size)
{
	char memory[16384];
	struct passwd pw, *found;
	size_t len;

	if (getpwuid_r(uid, &pw, memory, sizeof(memory), &found) != 0)
		return -1;
	if (found == NULL)
		return 0;
	len = strlen(pw.pw_name);
	if (len == 0 || len >= size)
		return 0;
	memcpy(name, pw.pw_name, len + 1);
	return 1;
}

const char *
username_of(struct usernames *u, uid_t uid, int64_t now_ms)
{
	struct username *slot = &u->slot[uid % USERNAME_SLOTS];
	int rc;

	if (slot->uid != uid || now_ms >= slot->until_ms) {
		slot->until_ms = 0;
		rc = u->look(uid, slot->name, sizeof(slot->name));
		if (rc < 0)
			return NULL;
		if (rc == 0)
			slot->name[0] = '\0';
		slot->uid = uid;
		slot->until_ms = now_ms + (rc == 0 ? USERNAME_NONE_MS : USERNAME_MS);
	}
	return slot->name[0] == '\0' ? NULL : slot->name;
}
