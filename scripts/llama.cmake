# How llama.cpp is built for us, on a machine (scripts/setup) and in the image (Dockerfile.cuda): both hand this file to
# llama-cpp-python's project as CMAKE_PROJECT_llama_cpp_INCLUDE. Plain variables stand in front of cached ones (policies
# CMP0077 and CMP0126): that is needed for the first, which the project sets by force.

# We load libllama, its ggml libraries and libmtmd, which encodes pictures. `common` is for llama.cpp's own programs:
# templates, parsers, an HTTP library.
set(LLAMA_BUILD_COMMON OFF)

# libmtmd starts ffmpeg for a picture that it cannot read by itself. It gets pixels from us, and never a file.
set(MTMD_VIDEO OFF)

# A library under one name. A wheel has no links, so each of its names would be a copy: three of 500 MB with CUDA.
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME ON)

# Pipelining over several GPUs keeps four copies of every input on each; with one decode in flight it gains nothing.
set(GGML_SCHED_MAX_COPIES 1)

# `size`, the default, makes programs that only drivers from R550 on can load; with nvcc's own default it is R525.
set(GGML_CUDA_COMPRESSION_MODE speed)

# NCCL exchanges data between processes; we have one for each model. Linked, it would be missed where it is not installed.
set(GGML_CUDA_NCCL OFF)

# The Vulkan headers of Debian 12 and Ubuntu 22.04 lack names that the backend uses: ours stand in front and add them.
if(GGML_VULKAN)
  include_directories(BEFORE "${CMAKE_CURRENT_LIST_DIR}/headers")
endif()
