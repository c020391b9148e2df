/* Replays every file of tests/fuzz/corpus/NAME through the harness fuzz_NAME, or the files that are
 * named. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(99);
    }
    uint8_t *data = NULL;
    size_t size = 0, cap = 0, n;
    do {
        mem_grow((void **)&data, &cap, size + 65536, 1);
        n = fread(data + size, 1, 65536, f);
        size += n;
    } while (n > 0);
    fclose(f);
    /* an allocation of the exact size, so that a sanitizer sees the first byte past it */
    uint8_t *exact = mem_dup(data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
}

static size_t replay_directory(const char *path)
{
    DIR *d = opendir(path);
    if (!d) {
        perror(path);
        exit(99);
    }
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        CLEANUP_FREE char *file = mem_printf("%s/%s", path, e->d_name);
        replay_file(file);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            replay_file(argv[i]);
        return 0;
    }
    const char *top = getenv("abs_top_srcdir");
    const char *name = strrchr(argv[0], '/');
    name = name ? name + 1 : argv[0];
    if (strncmp(name, "lt-", 3) == 0)
        name += 3;
    if (strncmp(name, "fuzz_", 5) == 0)
        name += 5;
    CLEANUP_FREE char *dir = mem_printf("%s/tests/fuzz/corpus/%s", top ? top : ".", name);
    size_t n = replay_directory(dir);
    printf("%s: %zu inputs replayed\n", name, n);
    return n > 0 ? 0 : 1;
}
