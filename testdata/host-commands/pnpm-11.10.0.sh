#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\,/,g')")
basedir_win="$basedir"
exe=""
msys=""

case `uname -a` in
  *CYGWIN*|*MINGW*|*MSYS*)
    if command -v cygpath > /dev/null 2>&1; then
      basedir_win=`cygpath -w "$basedir"`
    fi
    exe=".exe"
    msys="true"
  ;;
  *WSL2*)
    if command -v wslpath > /dev/null 2>&1; then
      basedir_win="$(wslpath -w "$basedir" 2> /dev/null)"
      if [ $? -ne 0 ] || [ -z "$basedir_win" ]; then
        basedir_win="$basedir"
      else
        exe=".exe"
      fi
    fi
  ;;
esac

if [ -n "$exe" ] && [ -x "$basedir/node.exe" ]; then
  exec "$basedir/node.exe"  "$basedir_win/../global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs" "$@"
elif [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/../global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs" "$@"
elif command -v node >/dev/null 2>&1; then
  exec node  "$basedir/../global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs" "$@"
elif [ -n "$exe" ] && command -v node.exe >/dev/null 2>&1; then
  exec node.exe  "$basedir_win/../global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs" "$@"
else
  exec node  "$basedir/../global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs" "$@"
fi
# cmd-shim-target={base}/global/v11/4a9-1a2270fd667-5ffe022192df0a6e/node_modules/openclaw/openclaw.mjs
