/*
 * Runs a fuzz target on kept inputs, files or folders of them, without a fuzzer: so the corpus is
 * part of the ordinary tests, with any compiler and sanitizer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input in memory of its own size, so that a sanitizer sees a read beyond. */
static int
run_file(const char *path, size_t size)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = malloc(size == 0 ? 1 : size);
	int rc = -1;

	if (in != NULL && data != NULL && fread(data, 1, size, in) == size) {
		LLVMFuzzerTestOneInput(data, size);
		rc = 0;
	} else
		perror(path);
	if (in != NULL)
		fclose(in);
	free(data);
	return rc;
}

/* The number of inputs run, or -1. */
static int
run(const char *path)
{
	char name[4096];
	struct dirent *entry;
	struct stat st;
	DIR *folder;
	int n = 0;

	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path, (size_t)st.st_size) < 0 ? -1 : 1;
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (stat(name, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (run_file(name, (size_t)st.st_size) < 0)
			break;
		n++;
	}
	if (folder == NULL || entry != NULL)
		n = -1;
	if (folder != NULL)
		closedir(folder);
	return n;
}

int
main(int argc, char **argv)
{
	int n, sum = 0;

	for (int i = 1; i < argc; i++) {
		n = run(argv[i]);
		if (n <= 0) {
			fprintf(stderr, "%s: no inputs\n", argv[i]);
			return 1;
		}
		sum += n;
	}
	printf("%s: %d inputs\n", argv[0], sum);
	return sum == 0;
}
