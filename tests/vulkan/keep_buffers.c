// Preloaded by scripts/test_vulkan: lets no Vulkan buffer be destroyed as long as the process lives.
//
// Mesa's lavapipe (22.3, Debian 12) binds every descriptor of a set before a kernel runs, also those that the kernel does
// not use. llama.cpp's sets have room for the widest kernel, and keep in the rest what an earlier one left there. If that
// buffer has been destroyed since, lavapipe reads freed memory (lp_csctx_set_cs_ssbos) and crashes: within a few steps of
// most models. Real drivers look only at what is used, as the standard allows. What is kept is a handle of some hundred
// bytes; the memory behind it is freed by another call.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

typedef void (*function)(void);
typedef function (*lookup)(void *, const char *);

static lookup of_devices;

static void keep(void *device, unsigned long long buffer, const void *allocator) {
  (void)device, (void)buffer, (void)allocator;
}

static function of_device(void *device, const char *name) {
  return strcmp(name, "vkDestroyBuffer") ? of_devices(device, name) : (function)keep;
}

// The one door to Vulkan for a program that links to its loader.
function vkGetInstanceProcAddr(void *instance, const char *name) {
  lookup next = (lookup)dlsym(RTLD_NEXT, "vkGetInstanceProcAddr");
  if (!next) next = (lookup)dlsym(dlopen("libvulkan.so.1", RTLD_NOW), "vkGetInstanceProcAddr");
  function found = next(instance, name);
  if (!found) return found;
  if (!strcmp(name, "vkDestroyBuffer")) return (function)keep;
  if (strcmp(name, "vkGetDeviceProcAddr")) return found;
  of_devices = (lookup)found;
  return (function)of_device;
}
