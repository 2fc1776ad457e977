#!/bin/sh
# Resolve $0 through symlinks so basedir is the shim's real directory.
# Cap hops at the kernel's ELOOP limit so a cycle cannot hang the shim.
#
# A shim runs with node_modules/.bin at the front of PATH, so readlink, sed,
# uname, and printf go through `command -p`, which searches the system default
# path instead. A dependency's bin cannot stand in for one of them and take over
# the shim before it reaches its target. Directories come from `${link%/*}`,
# which needs no helper at all.
#
# A helper the default path lacks, as in a Nix build sandbox, comes from PATH
# instead, with node_modules and relative entries dropped from it.
caller_path_set=${PATH+set}
caller_path=${PATH-}
helper_path=
rest=$caller_path:
while [ -n "$rest" ]; do
  dir=${rest%%:*}
  rest=${rest#*:}
  case "$dir" in
    */node_modules/*|*/node_modules) ;;
    /*) helper_path=${helper_path:+$helper_path:}$dir ;;
  esac
done
# An empty PATH searches the current directory.
PATH=${helper_path:-/}
# A helper comes from PATH only when the default path lacks it and PATH has it.
# The bash 3.2 that macOS ships as sh answers `command -p -v` from PATH.
run_helper() {
  if command -p -v "$1" >/dev/null 2>&1 || ! command -v "$1" >/dev/null 2>&1; then command -p "$@"; else command "$@"; fi
}
link="$0"
# `${link%/*}` needs a separator to strip. A bare name came from a PATH lookup
# and stands for a file in the current directory.
case "$link" in
  */*|*\\*) ;;
  *) link="./$link" ;;
esac
hops=0
while [ -L "$link" ] && [ "$hops" -lt 40 ]; do
  hops=$((hops+1))
  target=$(run_helper readlink "$link")
  case "$target" in
    /*) link="$target" ;;
    *)  link="${link%/*}/$target" ;;
  esac
done
basedir=$(run_helper printf '%s\n' "$link" | run_helper sed -e 's,\\,/,g')
basedir="${basedir%/*}"
basedir_abs=$(CDPATH= cd -P -- "$basedir" && pwd -P) || exit $?
basedir="$basedir_abs"
basedir_win="$basedir"
exe=""
msys=""

case `run_helper uname -a` in
  *CYGWIN*|*MINGW*|*MSYS*)
    if converted=$(command -p cygpath -w "$basedir" 2>/dev/null) && [ -n "$converted" ]; then
      basedir_win="$converted"
    elif command -v cygpath > /dev/null 2>&1; then
      basedir_win=`cygpath -w "$basedir"`
    fi
    exe=".exe"
    msys="true"
  ;;
  *WSL2*)
    if converted=$(command -p wslpath -w "$basedir" 2>/dev/null) && [ -n "$converted" ]; then
      basedir_win="$converted"
      exe=".exe"
    elif command -v wslpath > /dev/null 2>&1; then
      basedir_win="$(wslpath -w "$basedir" 2> /dev/null)"
      if [ $? -ne 0 ] || [ -z "$basedir_win" ]; then
        basedir_win="$basedir"
      else
        exe=".exe"
      fi
    fi
  ;;
esac
if [ -n "$caller_path_set" ]; then PATH=$caller_path; else unset PATH; fi

if [ -z "$NODE_PATH" ]; then
  export NODE_PATH='{base}/store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules/openclaw/node_modules:{base}/store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules:{base}/global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/.pnpm/node_modules'
else
  export NODE_PATH='{base}/store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules/openclaw/node_modules:{base}/store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules:{base}/global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/.pnpm/node_modules':"$NODE_PATH"
fi
if [ -n "$exe" ] && [ -x "$basedir/node.exe" ]; then
  exec "$basedir/node.exe"  "$basedir_win"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
elif [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir_abs"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
elif [ -n "$msys" ] && command -v node >/dev/null 2>&1; then
  exec node  "$basedir_win"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
elif command -v node >/dev/null 2>&1; then
  exec node  "$basedir_abs"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
elif [ -n "$exe" ] && command -v node.exe >/dev/null 2>&1; then
  exec node.exe  "$basedir_win"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
else
  exec node  "$basedir_abs"/'../global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs' "$@"
fi
# cmd-shim-target={base}/global/v11/9440847f31ae67d8c48706e55e28b2d7951bdcae39bbfc7734211e587eb76376/node_modules/openclaw/openclaw.mjs
