import AlmanacCore

/// `almanac completion bash`: what bash needs to complete commands and options.
package struct CompletionCommand: Command {
  package static let name = "completion"
  package static let summary = "print what bash needs to complete commands and options"
  package static let help = """
    Usage: almanac completion bash

    Prints a script for bash that completes the names of commands and the options
    of each; elsewhere bash completes names of files.

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
    for line in help.split(separator: "\n") {
      // Options stand at the margin of their list, examples begin with the program's name.
      let words = line.split(separator: " ")
      guard line.hasPrefix("  --"), let option = words.first.map(String.init) else { continue }
      if !found.contains(option) { found.append(option) }
    }
    return found
  }

  /// The script.
  package static var script: String {
    let names = Program.commands.map { $0.name } + ["help", "--help", "--version"]
    let cases = Program.commands.map { command in
      let words = options(in: command.help) + ["--help"]
      return "    \(command.name)) words='\(words.joined(separator: " "))' ;;"
    }
    return """
      _almanac() {
        local current=${COMP_WORDS[COMP_CWORD]} words=
        if [ "$COMP_CWORD" -eq 1 ]; then
          words='\(names.joined(separator: " "))'
        elif [[ $current == -* ]]; then
          case ${COMP_WORDS[1]} in
      \(cases.joined(separator: "\n"))
          esac
        fi
        COMPREPLY=($(compgen -W "$words" -- "$current"))
      }
      complete -o default -F _almanac almanac
      """
  }
}
