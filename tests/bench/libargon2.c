/* The yardstick for the hash workers: C libargon2, one hash after another on one thread.
 *
 * libargon2 MEMORY_KIB PASSES LANES: for each line read, makes one Argon2id hash and prints the
 * milliseconds that it took. */
#include <argon2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    static const uint8_t password[8] = {0}, salt[16] = {0};
    uint8_t hash[32];
    char line[16];
    if (argc != 4) {
        fprintf(stderr, "usage: libargon2 MEMORY_KIB PASSES LANES\n");
        return 2;
    }
    uint32_t memory = strtoul(argv[1], NULL, 10), passes = strtoul(argv[2], NULL, 10),
             lanes = strtoul(argv[3], NULL, 10);
    while (fgets(line, sizeof line, stdin)) {
        double start = milliseconds();
        int error = argon2id_hash_raw(passes, memory, lanes, password, sizeof password, salt,
                                      sizeof salt, hash, sizeof hash);
        if (error != ARGON2_OK) {
            fprintf(stderr, "libargon2: %s\n", argon2_error_message(error));
            return 1;
        }
        printf("%.3f\n", milliseconds() - start);
        fflush(stdout);
    }
    return 0;
}
