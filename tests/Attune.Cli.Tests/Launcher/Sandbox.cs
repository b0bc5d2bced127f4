using System.Diagnostics;

namespace Attune.Cli.Tests.Launcher;

internal sealed record Outcome(int ExitCode, string Output, string Errors);

/// <summary>
/// A checkout in miniature: the real launcher and its shell files, and in place of .NET, the compiler and Python small
/// scripts that note each call in <c>calls.log</c>. What the launcher decides can be seen without building anything.
/// </summary>
internal sealed class Sandbox : IDisposable
{
    private static readonly string Checkout = FindCheckout(AppContext.BaseDirectory);

    private readonly string _tools;

    public Sandbox()
    {
        Folder = Directory.CreateTempSubdirectory("attune launcher ").FullName; // with a space, as a user's folder may have
        Root = Path.Combine(Folder, "checkout");
        _tools = Path.Combine(Folder, "tools");
        Directory.CreateDirectory(_tools);
        Copy("attune");
        foreach (var file in Directory.GetFiles(Path.Combine(Checkout, "native")))
            Copy("native/" + Path.GetFileName(file));
        Copy("global.json", "Directory.Build.props", "Directory.Packages.props", "BannedSymbols.txt", ".editorconfig");
        Write("checkout/native/torch_bridge.cpp", "// a stand-in");
        Write("checkout/src/Attune.Cli/Program.cs", "return 0;");

        Tool("dotnet", """
            echo "dotnet $1" >> "$CALLS"
            case $1 in
            build) out=$2/bin/Release/net10.0; sleep "${BUILD_SECONDS:-0}"; mkdir -p "$out"; echo program > "$out/Attune.Cli.dll"; [ -z "${TOUCHED_BY_BUILD:-}" ] || { sleep 0.05; touch "$TOUCHED_BY_BUILD"; } ;;
            *.dll) for argument in "$@"; do echo "[$argument]"; done; echo "bridge=$ATTUNE_BRIDGE" ;;
            esac
            """);
        Tool("c++", """
            echo "c++ $*" >> "$CALLS"
            while [ "$1" != -o ]; do shift; done
            echo bridge > "$2"
            """);
        WithoutPythonTorch();
        Libtorch = MakeLibtorch("libtorch");
    }

    public string Folder { get; }

    public string Root { get; }

    public string Libtorch { get; }

    public string[] Calls => File.Exists(CallsFile) ? File.ReadAllLines(CallsFile) : [];

    private string CallsFile => Path.Combine(Folder, "calls.log");

    public static string FindCheckout(string folder) =>
        File.Exists(Path.Combine(folder, "Attune.slnx")) ? folder : FindCheckout(Path.GetDirectoryName(folder)!);

    public int CallsOf(string start) => Calls.Count(call => call.StartsWith(start, StringComparison.Ordinal));

    public void ForgetCalls() => File.Delete(CallsFile);

    /// <summary>Runs the launcher with a libtorch that is there, from the checkout, unless told otherwise.</summary>
    public Outcome Run(string[] arguments, string? launcher = null, string? from = null, string? libtorch = null, Dictionary<string, string?>? environment = null)
    {
        using var process = Start(arguments, launcher, from, libtorch, environment);
        return Finish(process);
    }

    public Process Start(
        string[] arguments, string? launcher = null, string? from = null, string? libtorch = null, Dictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo("sh", [launcher ?? Path.Combine(Root, "attune"), .. arguments])
        {
            WorkingDirectory = from ?? Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = _tools + ":/usr/bin:/bin";
        start.Environment["CALLS"] = CallsFile;
        start.Environment["ATTUNE_NO_INSTALL"] = "1";
        start.Environment["ATTUNE_LIBTORCH"] = libtorch ?? Libtorch;
        start.Environment.Remove("ATTUNE_BRIDGE");
        start.Environment.Remove("CXX");
        start.Environment.Remove("ATTUNE_FIXTURES");
        foreach (var (name, value) in environment ?? [])
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static Outcome Finish(Process process)
    {
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, errors.GetAwaiter().GetResult());
    }

    /// <summary>A folder that looks like libtorch: what the launcher looks for, and no more.</summary>
    public string MakeLibtorch(string relative, string version = "2.9.0", bool oldAbi = false, bool cuda = false)
    {
        Write(relative + "/lib/libtorch_cpu.so", "");
        Write(relative + "/lib/libc10.so", oldAbi ? "_ZN3c105ErrorC1ENS_14SourceLocationESs" : "_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringI");
        if (cuda)
            Write(relative + "/lib/libtorch_cuda.so", "");
        Write(relative + "/include/torch/csrc/api/include/torch/version.h", $"#define TORCH_VERSION \\\n  \"{version}\"\n");
        return Path.Combine(Folder, relative);
    }

    public void Tool(string name, string script)
    {
        Write("tools/" + name, "#!/bin/sh\n" + script.ReplaceLineEndings("\n") + "\n");
        if (!OperatingSystem.IsWindows()) // where there is no sh either
            File.SetUnixFileMode(Path.Combine(_tools, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>A python3 whose path of modules is the folder <c>site</c>, and that has no torch.</summary>
    public void WithoutPythonTorch() => Tool("python3", $"""
        echo "python3" >> "$CALLS"
        printf '\n\n\n%s\n' '{Path.Combine(Folder, "site")}'
        """);

    /// <summary>A python3 that has PyTorch in the folder <c>site</c>; returns PyTorch's folder.</summary>
    public string WithPythonTorch(int abi)
    {
        var torch = MakeLibtorch("site/torch", cuda: true);
        Write("site/torch/version.py", "");
        var site = Path.Combine(Folder, "site");
        Tool("python3", $"""
            echo "python3" >> "$CALLS"
            printf '%s\n{abi}\n:%s\n%s\n' '{torch}' '{site}' '{site}'
            """);
        return torch;
    }

    /// <summary>A search path with every command of this machine but the ones named.</summary>
    public string PathWithout(params string[] commands)
    {
        var some = Directory.CreateDirectory(Path.Combine(Folder, "some commands")).FullName;
        foreach (var path in new[] { "/usr/bin", "/bin" }.SelectMany(Directory.GetFiles).DistinctBy(Path.GetFileName))
        {
            if (!commands.Contains(Path.GetFileName(path)))
                File.CreateSymbolicLink(Path.Combine(some, Path.GetFileName(path)), path);
        }

        return some;
    }

    public void Write(string relative, string text)
    {
        var path = Path.Combine(Folder, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public void Copy(params string[] files)
    {
        foreach (var file in files)
        {
            var target = Path.Combine(Root, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(Checkout, file), target);
        }
    }
}
