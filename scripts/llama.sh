# shellcheck shell=bash
# For scripts/setup: a wheel of llama.cpp that computes on this machine. `build_llama VENV` leaves it in the folder $wheels,
# and $build names it. How llama.cpp is compiled in every case is in llama.cmake.

cpuinfo=${CPUINFO:-/proc/cpuinfo} # tests have another one
requirement=$(grep -o 'llama-cpp-python==[0-9.]*' pyproject.toml)

# There NVIDIA puts nvcc, and WSL nvidia-smi; the PATH that sudo gives to install_service leaves both out.
export PATH=$PATH:/usr/local/cuda/bin:/usr/lib/wsl/lib

nvidia() { timeout 10 nvidia-smi "$@" 2>/dev/null; }
has_gpu() { command -v nvidia-smi >/dev/null && nvidia -L >/dev/null; }

capabilities() { nvidia --query-gpu=compute_cap --format=csv,noheader | grep -xE '[0-9]+\.[0-9]+' | sort -u || true; }

# Why nothing can be compiled for the GPUs that are here; silent if it can.
no_cuda() {
  local release known capability
  command -v nvcc >/dev/null || { echo "there is no nvcc. Install the CUDA toolkit" && return; }
  release=$(nvcc --version | grep -o 'release [0-9.]*' || true) known=$(nvcc --list-gpu-arch)
  for capability in $(capabilities); do
    if ! grep -qx "compute_${capability/./}" <<<"$known"; then
      echo "nvcc ($release) knows no compute capability $capability. Install a newer CUDA toolkit" && return
    fi
  done
}

# ---- what it is built for: cuda, vulkan, hip, metal or cpu ----------------------------------------------------------

compiles() { "${CXX:-c++}" -E -x c++ - -o /dev/null <<<"#include <$1>" &>/dev/null; } # whether a header is here

# What the build for a backend lacks; silent if nothing.
missing() {
  case $1 in
    cuda) no_cuda ;;
    vulkan)
      if ! command -v glslc >/dev/null || ! compiles vulkan/vulkan.hpp || ! compiles spirv/unified1/spirv.hpp; then
        echo "the Vulkan loader, its headers or glslc are missing. On Debian: apt install glslc libvulkan-dev spirv-headers"
      fi
      ;;
    hip) command -v hipconfig >/dev/null || echo "there is no hipconfig. Install AMD's ROCm with its HIP SDK" ;;
    metal) [[ $(uname -s) == Darwin ]] || echo "Metal is macOS's" ;;
    cpu) ;;
    *) echo "there is no backend '$1': auto, cuda, vulkan, hip, metal or cpu" ;;
  esac
}

devices=${DEVICES:-/dev} # tests have others
has_other_gpu() { compgen -G "$devices/dri/renderD*" >/dev/null || [[ -e $devices/dxg ]]; } # the kernel's name for one

# The fastest that can be built here for a GPU that is here. HIP is never chosen: nobody has tried it, and Vulkan drives
# AMD's cards too.
unused_gpu='' # why a GPU that is here stays unused, or is not used as well as it could be
find_backend() {
  local why
  found_backend=cpu
  if [[ $(uname -s) == Darwin ]]; then found_backend=metal && return; fi
  if has_gpu; then
    if why=$(missing cuda) && [[ -z $why ]]; then found_backend=cuda && return; fi
    if [[ -z $(missing vulkan) ]]; then found_backend=vulkan && unused_gpu="it is used through Vulkan, not CUDA: $why" && return; fi
    unused_gpu="this GPU will stay unused: $why"
  elif has_other_gpu; then
    if why=$(missing vulkan) && [[ -z $why ]]; then found_backend=vulkan && return; fi
    unused_gpu="this GPU will stay unused: $why"
  fi
}

# `choose_backend NAME`: the name that the owner gave, or auto. Leaves the options of CMake in CMAKE_ARGS.
choose_backend() {
  local lacking
  if [[ $1 == auto ]]; then find_backend; else found_backend=$1; fi
  if lacking=$(missing "$found_backend") && [[ -n $lacking ]]; then die "cannot build for $found_backend: $lacking"; fi
  case $found_backend in
    cuda)
      CMAKE_ARGS=-DGGML_CUDA=on
      # CUDA's pool reserves 32 GB of addresses, which can fail under WSL.
      if grep -qsi microsoft /proc/sys/kernel/osrelease; then CMAKE_ARGS+=' -DGGML_CUDA_NO_VMM=on'; fi
      ;;
    vulkan) CMAKE_ARGS=-DGGML_VULKAN=on ;;
    hip)
      CMAKE_ARGS=-DGGML_HIP=on
      HIPCXX=$(hipconfig -l)/clang HIP_PATH=$(hipconfig -R) && export HIPCXX HIP_PATH
      ;;
    metal) CMAKE_ARGS= ;; # llama.cpp's own choice on macOS
    cpu) if [[ $(uname -s) == Darwin ]]; then CMAKE_ARGS=-DGGML_METAL=off; else CMAKE_ARGS=; fi ;;
  esac
}

if [[ ${backend:-auto} != auto || ! -v CMAKE_ARGS ]]; then choose_backend "${backend:-auto}"; fi
if [[ -n ${portable:-} ]]; then CMAKE_ARGS=${CMAKE_ARGS:+$CMAKE_ARGS }$portable; fi # scripts/engine: for other machines
export CMAKE_ARGS

# GCC's header says of `ldtilecfg` that it reads 8 of the 64 bytes that it reads, so the compiler drops what was written to
# the others, and ggml's AMX code dies at the first prompt. 77 is such a byte. Versions do not tell: the mend was taken back
# into some older ones.
has_amx() { grep -qsw amx_int8 "$cpuinfo"; }
spoils_amx() {
  local made code='#include <immintrin.h>
    void f(void) { unsigned char tiles[64] = {0}; tiles[48] = 77; _tile_loadconfig(tiles); }'
  made=$("${CC:-cc}" -O3 -mamx-tile -x c -S -o - - <<<"$code" 2>/dev/null) && ! grep -qw 77 <<<"$made"
}
WITHOUT_AMX='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16' # stronger than -march=native, whatever the order
amx_flags=''
if has_amx && spoils_amx; then amx_flags=$WITHOUT_AMX; fi

# llama.cpp is built once for each kind of machine, and kept here. The caches of pip and uv cannot be used for it: they
# know a wheel by name and version, so one that was built before the GPU came, or for another CPU, would be taken again;
# and uv throws its own away as soon as the index answers with another ETag, which costs the whole build once more.
machine=$(
  uname -m
  getconf GNU_LIBC_VERSION
  grep -m1 -E '^(flags|Features)' "$cpuinfo" || true
  if [[ $CMAKE_ARGS == *CUDA* ]]; then # machine code is made for the cards that are here
    capabilities
    nvcc --version || true
  elif [[ $CMAKE_ARGS == *VULKAN* ]]; then # a newer compiler of shaders knows more of what cards can do
    glslc --version || true
  elif [[ $CMAKE_ARGS == *HIP* ]]; then
    hipconfig --version || true
  fi
)
build=$(sha256sum <<<"$requirement $CMAKE_ARGS $amx_flags $machine $(grep ^set scripts/llama.cmake)" | cut -c1-16)
wheels=${XDG_CACHE_HOME:-${HOME:-~}/.cache}/supernet/wheels/$build # without HOME ~ is what passwd says

# A C++ compiler that nvcc takes: each release refuses those that are newer than it knows.
choose_host_compiler() {
  local compiler
  for compiler in ${CUDAHOSTCXX:-c++ g++-15 g++-14 g++-13 g++-12 g++-11}; do
    if nvcc -ccbin "$compiler" -x cu -c -o /dev/null - <<<'#include <cmath>' &>/dev/null; then
      export CUDAHOSTCXX=$compiler && return
    fi
  done
  die "nvcc takes none of the C++ compilers that are here. Install an older one, e.g. g++-13"
}

# As many compilers at once as there are cores and as fit in memory: nvcc takes up to 2.5 GiB, a C++ compiler one.
count_jobs() {
  local most room each=1024
  if [[ $CMAKE_ARGS == *CUDA* ]]; then each=2560; fi
  most=$(nproc) room=$(awk -v each=$each '/^MemAvailable/ { print int($2 / 1024 / each) }' /proc/meminfo)
  if ((${room:-1} < most)); then most=${room:-1}; fi
  echo $((most < 1 ? 1 : most))
}

compile() { # venv, flags of the C and C++ compilers, arguments of CMake
  rm -rf "$partial"
  # The wheel's own folder of libraries is all that is loaded; llama.cpp installs them, and its headers, beside it once more.
  CFLAGS="${CFLAGS:-} $2" CXXFLAGS="${CXXFLAGS:-} $2" CMAKE_ARGS="$CMAKE_ARGS $3" \
    CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(count_jobs)} \
    "$1/bin/python" -m pip wheel --disable-pip-version-check --no-deps --no-cache-dir --no-binary llama-cpp-python \
    --config-settings="cmake.define.CMAKE_PROJECT_llama_cpp_INCLUDE=$PWD/scripts/llama.cmake" \
    --config-settings="wheel.exclude=lib/**;include/**" --wheel-dir "$partial" "$requirement" >&2
}

UNLOADABLE=3 WRONG=4 # exit status of the proof: the library does not load; it dies or comes to wrong numbers
# In an environment of its own: a build that has not been proved is installed nowhere else. $found is what it says.
prove() {
  local python=$partial/venv/bin/python
  { "$1/bin/uv" venv --quiet --python "$1/bin/python" "$partial/venv" &&
    "$1/bin/uv" pip install --quiet --python "$python" --constraints constraints.txt "$partial"/*.whl pydantic; } >&2 ||
    die "no environment to prove the build in: see above"
  found=$("$python" -m worker.bindings.proof)
}

build_llama() {
  local venv=$1 partial=$wheels/partial found status way ways=(native) # partial: what is being built
  mkdir -p "$wheels" || die "llama.cpp is kept in $wheels: set XDG_CACHE_HOME to a folder that you can write to"
  exec 8>"$wheels/.lock" && flock 8
  if compgen -G "$wheels/*.whl" >/dev/null; then return; fi
  { command -v cc && command -v c++; } &>/dev/null || die "no C/C++ compiler. On Debian: apt install build-essential"
  if [[ -n $unused_gpu ]]; then say "$unused_gpu and run this again"; fi
  case $CMAKE_ARGS in *HIP*) say "a build with HIP has never been tried by us" ;; esac
  if [[ $CMAKE_ARGS == *CUDA* ]]; then choose_host_compiler; fi
  if [[ -n $amx_flags ]]; then
    say "${CC:-cc} spoils llama.cpp's AMX code: built without it, prompts are read more slowly (CC=gcc-13 CXX=g++-13 keep it)"
  elif has_amx; then
    ways+=(without-amx)
  fi
  if [[ $CMAKE_ARGS != *GGML_NATIVE* ]]; then ways+=(portable); fi
  say "building $requirement once for this machine (CMAKE_ARGS='$CMAKE_ARGS'): 4 minutes on 2 cores, with Vulkan 15, with CUDA far more"
  for way in "${ways[@]}"; do
    case $way in
      native) compile "$venv" "$amx_flags" '' ;;
      without-amx) compile "$venv" "$WITHOUT_AMX" '' ;;
      portable) compile "$venv" '' -DGGML_NATIVE=off ;;
    esac
    prove "$venv" && status=0 || status=$?
    if ((status == 0 || status == UNLOADABLE)); then break; fi
    # Nothing is said of the build then, and another one would fare no better.
    if ((status != WRONG)); then
      rm -rf "$partial"
      die "llama.cpp was built, but its proof did not run (status $status): see above"
    fi
    say "the $way build of llama.cpp does not compute on this machine: $found"
  done
  if ((status)); then
    rm -rf "$partial"
    if ((status == UNLOADABLE)); then die "llama.cpp was built and cannot be loaded: $found"; fi
    die "no build of llama.cpp computes on this machine: see above"
  fi
  if [[ $way != native ]]; then say "the $way build computes, and is kept: prompts are read more slowly with it"; fi
  if [[ -n $found ]]; then say "$found"; fi
  mv "$partial"/*.whl "$wheels/" # only now does it count: a build that was cut short or is wrong leaves nothing
  rm -rf "$partial"
}
