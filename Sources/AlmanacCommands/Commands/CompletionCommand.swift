import AlmanacCore

/// `almanac completion bash`: what bash needs to complete commands and options.
package struct CompletionCommand: Command {
  package static let name = "completion"
  package static let summary = "print what bash needs to complete commands and options"
  package static let verbs = ["bash"]
  package static let help = """
    Usage: almanac completion bash

    Prints a script for bash that completes the names of commands, the words that
    follow some of them, the options of each, and the values of --format; elsewhere
    bash completes names of files.

    Examples:
      source <(almanac completion bash)
      almanac completion bash > ~/.local/share/bash-completion/completions/almanac
    """

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    let shell = scanner.operand()
    guard shell == "bash" else {
      throw UsageError(
        shell.map { "there is no completion for \(shown($0)); there is one for bash" }
          ?? "name the shell: `almanac completion bash`")
    }
  }

  package func run(in setting: CommandSetting) throws {
    setting.console.print(CompletionCommand.script)
  }

  /// The options that a help text explains, in its order.
  static func options(in help: String) -> [String] {
    var found: [String] = []
    for line in help.split(separator: "\n") where line.hasPrefix("  --") {
      // Options stand at the margin of their list, several between commas; what they mean follows
      // behind two spaces, or below.
      let head = line.dropFirst(2).split(separator: " ", omittingEmptySubsequences: false)
        .prefix { !$0.isEmpty }
      for option in head where option.hasPrefix("--") {
        let name = option.prefix { $0 != "," }
        if !found.contains(String(name)) { found.append(String(name)) }
      }
    }
    return found
  }

  /// The formats that a help text names.
  static func formats(in help: String) -> [String] {
    // Whole words only: the line goes on with what the formats are for.
    let known = Set(["text", "table", "csv", "json", "parquet", "cron", "systemd"])
    let lines = help.split(separator: "\n")
    guard let start = lines.firstIndex(where: { $0.hasPrefix("  --format ") }) else { return [] }
    let rest = lines[(start + 1)...].prefix { !$0.hasPrefix("  --") && $0.hasPrefix("      ") }
    let words = ([lines[start]] + rest).joined(separator: " ")
      .split { !$0.isLetter }.map(String.init)
    return words.reduce(into: []) { found, word in
      if known.contains(word), !found.contains(word) { found.append(word) }
    }
  }

  /// The script.
  package static var script: String {
    let names = Program.commands.map { $0.name } + ["help", "--help", "--version"]
    func cases(_ words: (any Command.Type) -> [String]) -> String {
      Program.commands.compactMap { command in
        let found = words(command)
        return found.isEmpty
          ? nil : "      \(command.name)) words='\(found.joined(separator: " "))' ;;"
      }.joined(separator: "\n")
    }
    let commands = Program.commands.map { $0.name }.joined(separator: " ")
    return """
      _almanac() {
        local current=${COMP_WORDS[COMP_CWORD]} words=
        if [ "$COMP_CWORD" -eq 1 ]; then
          words='\(names.joined(separator: " "))'
        elif [ "${COMP_WORDS[COMP_CWORD-1]}" = --format ]; then
          case ${COMP_WORDS[1]} in
      \(cases { formats(in: $0.help) })
          esac
        elif [[ $current == -* ]]; then
          case ${COMP_WORDS[1]} in
      \(cases { options(in: $0.help) + ["--help"] })
          esac
        elif [ "$COMP_CWORD" -eq 2 ]; then
          case ${COMP_WORDS[1]} in
      \(cases { $0.verbs })
            help) words='\(commands)' ;;
          esac
        fi
        COMPREPLY=($(compgen -W "$words" -- "$current"))
      }
      complete -o default -F _almanac almanac
      """
  }
}
