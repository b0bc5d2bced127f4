using System.Text.Json;

namespace Attune.Cli.Tests.Verbs;

/// <summary>bfloat16 on a processor: libtorch has a kernel for all that training and sampling call.</summary>
public sealed class HalfPrecisionTests : IDisposable
{
    private readonly TinyRecipes _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData("sft")]
    [InlineData("ppo")]
    public async Task A_stage_trains_and_its_model_answers(string verb)
    {
        var trained = await _tiny.Run(verb, "--compute.dtype", "bfloat16", $"--{verb}.steps", "3");
        var sampled = await Printed.By("sample", _tiny.At("run/model"), "--text", "the cat", "--max-new", "8", "--dtype", "bfloat16", "--json");

        Assert.True(trained.ExitCode == 0, trained.Log);
        Assert.True(sampled.ExitCode == 0, sampled.Log);
        Assert.DoesNotContain("expected a finite number", trained.Log);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(sampled.Result).RootElement.ValueKind);
    }
}
