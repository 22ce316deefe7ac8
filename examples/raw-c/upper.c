// Answers its body in upper case, and counts bytes. Raw ABI: see ../raw-abi.md.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("alloc") void *allocate(size_t size) { return malloc(size); }

EXPORT("dealloc") void release(void *pointer, size_t size) {
  (void)size;
  free(pointer);
}

static uint64_t answer(const void *pointer, size_t size) {
  return (uint64_t)(uintptr_t)pointer << 32 | size;
}

EXPORT("upper") uint64_t upper(char *body, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (body[i] >= 'a' && body[i] <= 'z')
      body[i] -= 32;
  return answer(body, size);
}

EXPORT("histogram") uint64_t histogram(unsigned char *body, size_t size) {
  uint32_t *counts = calloc(256, sizeof *counts);
  if (counts == NULL)
    __builtin_trap();
  for (size_t i = 0; i < size; i++)
    counts[body[i]]++;
  free(body);
  return answer(counts, 256 * sizeof *counts);
}
