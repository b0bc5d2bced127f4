using Attune.Cli;
using Attune.Cli.Output;

using var output = ConsoleOutput.Standard();
return await AttuneCommand.RunAsync(args, output);
