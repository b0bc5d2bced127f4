using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Runs;

public sealed class ComputeSettingsTests : IDisposable
{
    private readonly int _threads = TorchRuntime.Threads;

    public void Dispose() => TorchRuntime.Threads = _threads;

    [Fact]
    public void Opening_sets_the_threads_and_gives_device_and_dtype()
    {
        Assert.Equal(new Compute(Device.Cpu, DType.BFloat16), new ComputeSettings { Precision = Precision.BFloat16, Threads = 1 }.Open());
        Assert.Equal(1, TorchRuntime.Threads);

        Assert.Equal(DType.Float64, new ComputeSettings { Precision = Precision.Float64 }.Open().DType);
        Assert.Equal(Environment.ProcessorCount, TorchRuntime.Threads);
    }

    [Fact]
    public void A_device_that_is_not_there_is_named_with_what_there_is()
    {
        var problem = Assert.Throws<InputException>(() => new ComputeSettings { Device = "cuda:99" }.Open()).Problems.Single();

        Assert.Equal("compute.device", problem.Key);
        Assert.Matches(@"^is cuda:99, expected a device of this machine, whose libtorch \S+ sees \d+ CUDA devices; set cpu, or ", problem.Message);
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        var problems = new ComputeSettings { Device = "tpu", Threads = -1 }.Check().ToList();

        Assert.Equal(
            [new("device", "is tpu, expected cpu, cuda or cuda:N; cpu is usual"), new("threads", "is -1, expected 0 to 1024; 0 takes one a core")], problems);
        Assert.Empty(new ComputeSettings { Device = "cuda:3", Threads = 8 }.Check());
    }

    private sealed record Settings
    {
        public ComputeSettings Compute { get; init; } = new();
    }

    [Theory]
    [InlineData("float32", Precision.Float32)]
    [InlineData("bfloat16", Precision.BFloat16)]
    [InlineData("float64", Precision.Float64)]
    public void Recipes_spell_dtypes_as_everyone_does(string name, Precision expected)
    {
        Assert.Equal(expected, Recipe.Parse<Settings>($"compute: {{dtype: {name}}}", "r.yaml", []).Compute.Precision);
    }
}
