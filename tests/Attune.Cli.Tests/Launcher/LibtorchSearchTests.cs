namespace Attune.Cli.Tests.Launcher;

public sealed class LibtorchSearchTests
{
    private static readonly Dictionary<string, string?> Unnamed = new() { ["ATTUNE_LIBTORCH"] = null };

    [Fact]
    public void A_named_folder_without_libtorch_is_an_error_of_three_parts()
    {
        using var sandbox = new Sandbox();

        var outcome = sandbox.Run(["doctor"], libtorch: "/nowhere");

        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal("", outcome.Output);
        Assert.Equal(
            "The environment has 1 problem\n" +
            "  ATTUNE_LIBTORCH  is /nowhere, expected a folder with lib/libtorch_cpu.so and include/torch; " +
            "name libtorch's folder or its lib, or unset the variable so that attune looks for itself\n",
            outcome.Errors);
        Assert.Empty(sandbox.Calls);
    }

    [Fact]
    public void A_named_folder_without_headers_is_an_error()
    {
        using var sandbox = new Sandbox();
        Directory.Delete(Path.Combine(sandbox.Libtorch, "include"), recursive: true);

        Assert.Equal(2, sandbox.Run(["doctor"]).ExitCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/lib")]
    public void Its_folder_and_its_lib_folder_both_name_a_libtorch(string ending)
    {
        using var sandbox = new Sandbox();

        Assert.Equal(0, sandbox.Run(["bridge"], libtorch: sandbox.Libtorch + ending).ExitCode);
        Assert.Contains($"-L{sandbox.Libtorch}/lib", sandbox.Calls.Single());
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void The_bridge_is_compiled_with_the_ABI_that_the_library_was(bool oldAbi, int expected)
    {
        using var sandbox = new Sandbox();
        var libtorch = sandbox.MakeLibtorch("another", oldAbi: oldAbi);

        sandbox.Run(["bridge"], libtorch: libtorch);

        Assert.Contains($"-D_GLIBCXX_USE_CXX11_ABI={expected} ", sandbox.Calls.Single());
    }

    [Fact]
    public void CUDA_is_linked_where_it_is_and_kept_though_nothing_names_it()
    {
        using var sandbox = new Sandbox();
        var libtorch = sandbox.MakeLibtorch("another", cuda: true);

        sandbox.Run(["bridge"]);
        sandbox.Run(["bridge"], libtorch: libtorch);

        Assert.DoesNotContain("torch_cuda", sandbox.Calls[0]);
        Assert.Matches("-Wl,--no-as-needed .*-ltorch_cuda", sandbox.Calls[1]);
    }

    [Fact]
    public void Python_is_asked_once_until_its_torch_comes_or_changes()
    {
        using var sandbox = new Sandbox();
        sandbox.Run(["bridge"], environment: Unnamed);
        sandbox.Run(["bridge"], environment: Unnamed);
        Assert.Equal(1, sandbox.CallsOf("python3"));

        var torch = sandbox.WithPythonTorch(abi: 0); // as after "pip install torch"
        sandbox.ForgetCalls();
        Assert.Equal(0, sandbox.Run(["bridge"], environment: Unnamed).ExitCode);
        Assert.Contains($"-L{torch}/lib", sandbox.Calls.Single(call => call.StartsWith("c++", StringComparison.Ordinal)));
        Assert.Contains("-D_GLIBCXX_USE_CXX11_ABI=0 ", sandbox.Calls[^1]);

        sandbox.Run(["bridge"], environment: Unnamed);
        Assert.Equal(1, sandbox.CallsOf("python3"));

        File.SetLastWriteTimeUtc(Path.Combine(torch, "version.py"), new DateTime(2100, 1, 1)); // as after an upgrade
        sandbox.Run(["bridge"], environment: Unnamed);
        Assert.Equal(2, sandbox.CallsOf("python3"));
    }

    [Fact]
    public void A_named_libtorch_comes_before_that_of_python()
    {
        using var sandbox = new Sandbox();
        sandbox.WithPythonTorch(abi: 1);

        sandbox.Run(["bridge"]);

        Assert.Contains($"-L{sandbox.Libtorch}/lib", sandbox.Calls.Single());
    }

    [Fact]
    public void Without_any_libtorch_it_names_the_three_ways_to_get_one()
    {
        using var sandbox = new Sandbox();
        sandbox.Tool("uname", "echo Darwin"); // whose libraries end in .dylib: none of this machine's is one

        var outcome = sandbox.Run(["doctor"], environment: Unnamed);

        Assert.Equal(2, outcome.ExitCode);
        Assert.StartsWith("This machine has 1 problem\n  libtorch  is not installed, expected ", outcome.Errors);
        Assert.Contains("apt-get install -y --no-install-recommends libtorch-dev libopenblas0-openmp", outcome.Errors);
        Assert.Contains("pip install torch", outcome.Errors);
        Assert.Contains("ATTUNE_LIBTORCH", outcome.Errors);
        Assert.Equal(["python3"], sandbox.Calls); // nothing was installed, compiled or built
    }

    [Fact]
    public void Without_a_compiler_it_says_how_to_get_one()
    {
        using var sandbox = new Sandbox();

        var outcome = sandbox.Run(["bridge"], environment: new() { ["PATH"] = sandbox.PathWithout("c++", "g++", "clang++") });

        Assert.Equal(2, outcome.ExitCode);
        Assert.StartsWith("This machine has 1 problem\n  g++  is not installed, expected a C++17 compiler", outcome.Errors);
        Assert.Contains("apt-get install -y --no-install-recommends g++", outcome.Errors);
    }

    [Fact]
    public void A_bridge_that_does_not_compile_is_reported_with_the_compilers_words_and_leaves_nothing()
    {
        using var sandbox = new Sandbox();
        sandbox.Tool("c++", "echo 'torch_bridge.cpp:1:1: error: expected unqualified-id' >&2; exit 1");

        var outcome = sandbox.Run(["bridge"]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("error: expected unqualified-id", outcome.Errors);
        Assert.Contains("The bridge has 1 problem\n  torch_bridge.cpp  does not compile with ", outcome.Errors);
        Assert.Empty(Directory.GetFiles(Path.Combine(sandbox.Root, ".build"), "*.so", SearchOption.AllDirectories));
    }
}
