import AlmanacCommands

/// The program's entry point.
@main
struct Almanac {
  static func main() {
    ProcessSetting.exit(
      with: Program(
        arguments: ProcessSetting.arguments, environment: ProcessSetting.environment,
        setting: ProcessSetting.commandSetting
      ).run())
  }
}
