using System.Formats.Tar;
using System.IO.Compression;

namespace Attune.Cli.Tests.Launcher;

public sealed class PublishTests
{
    [Fact]
    public void A_published_folder_holds_the_program_the_bridge_and_what_recipes_need()
    {
        using var sandbox = Prepare();
        sandbox.Write("checkout/recipes/base.yaml", "");
        sandbox.Write("checkout/data/prompts.jsonl", "");

        var outcome = sandbox.Run(["publish", "../two words"]);

        Assert.Equal(0, outcome.ExitCode);
        var files = Directory.GetFiles(Published(sandbox), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Published(sandbox), file)).Order(StringComparer.Ordinal);
        Assert.Equal(["attune", "data/prompts.jsonl", "native/find-libtorch.sh", "native/torch_bridge.cpp", "program/Attune.Cli", "recipes/base.yaml"], files);
    }

    [Fact]
    public void It_compiles_the_bridge_on_the_first_start_only_and_hands_arguments_on()
    {
        using var sandbox = Prepare();
        sandbox.Run(["publish", "../two words"]);

        var first = sandbox.Run(["sample", "a b"], Path.Combine(Published(sandbox), "attune"), from: "/");
        var second = sandbox.Run(["sample", "a b"], Path.Combine(Published(sandbox), "attune"), from: "/");

        Assert.Equal(1, sandbox.CallsOf("c++ "));
        Assert.StartsWith($"[sample]\n[a b]\nbridge={Published(sandbox)}/.build/native/", second.Output);
        Assert.Equal(first.Output, second.Output);
        Assert.Equal("", second.Errors);
    }

    [Fact]
    public void Where_its_folder_cannot_be_written_the_bridge_goes_to_the_users_cache()
    {
        using var sandbox = Prepare();
        sandbox.Run(["publish", "../two words"]);
        sandbox.Write("two words/.build", "a file in the way, as the administrator running this test could write to a protected folder");

        var outcome = sandbox.Run(["doctor"], Path.Combine(Published(sandbox), "attune"), environment: new() { ["XDG_CACHE_HOME"] = Path.Combine(sandbox.Folder, "cache") });

        Assert.Contains($"bridge={sandbox.Folder}/cache/attune/native/", outcome.Output);
    }

    [Fact]
    public void It_replaces_an_earlier_publish_but_nothing_else()
    {
        using var sandbox = Prepare();
        Assert.Equal(0, sandbox.Run(["publish", "../two words"]).ExitCode);
        Assert.Equal(0, sandbox.Run(["publish", "../two words"]).ExitCode);

        sandbox.Write("mine/data/thesis.txt", "years of work");
        var outcome = sandbox.Run(["publish", "../mine"]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("attune publish has 1 problem\n  DIR  is ../mine, which holds other things, expected ", outcome.Errors);
        Assert.True(File.Exists(Path.Combine(sandbox.Folder, "mine/data/thesis.txt")));
    }

    [Theory]
    [InlineData]
    [InlineData("one", "two")]
    public void It_wants_exactly_one_folder(params string[] folders)
    {
        using var sandbox = Prepare();

        var outcome = sandbox.Run(["publish", .. folders]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("run './attune publish DIR'", outcome.Errors);
    }

    [Fact]
    public void The_real_build_is_below_60_MB_compressed_and_starts()
    {
        using var sandbox = new Sandbox();
        var folder = Path.Combine(sandbox.Folder, "published");
        var machine = new Dictionary<string, string?>
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH"),
            ["ATTUNE_LIBTORCH"] = Environment.GetEnvironmentVariable("ATTUNE_LIBTORCH"),
        };

        var outcome = sandbox.Run(["publish", folder], Path.Combine(Sandbox.FindCheckout(AppContext.BaseDirectory), "attune"), environment: machine);
        Assert.True(outcome.ExitCode == 0, outcome.Errors);

        using var size = new MemoryStream();
        using (var compressed = new GZipStream(size, CompressionLevel.Fastest, leaveOpen: true))
            TarFile.CreateFromDirectory(folder, compressed, includeBaseDirectory: false);
        Assert.InRange(size.Length, 10_000_000, 60_000_000);
        Assert.Equal(0, sandbox.Run(["--help"], Path.Combine(folder, "attune"), from: "/", environment: machine).ExitCode);
    }

    private static string Published(Sandbox sandbox) => Path.Combine(sandbox.Folder, "two words");

    private static Sandbox Prepare()
    {
        var sandbox = new Sandbox();
        sandbox.Tool("dotnet", """
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2"
            { echo '#!/bin/sh'
            echo 'for argument in "$@"; do echo "[$argument]"; done; echo "bridge=$ATTUNE_BRIDGE"'; } > "$2/Attune.Cli"
            chmod +x "$2/Attune.Cli"
            """);
        return sandbox;
    }
}
