using System.Text.Json;
using Attune.Tests;

namespace Attune.Cli.Tests.Verbs;

public sealed class DoctorVerbTests : IDisposable
{
    private readonly TinyTraining _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task A_machine_is_one_table_or_one_document()
    {
        var table = await Printed.By("doctor");
        var json = await Printed.By("doctor", "--json");

        Assert.Matches(@"^\s*\.NET +", table.Result); // no line for names of columns, as they have none
        Assert.Contains("libtorch", table.Result);
        Assert.Matches(@"\n  batched products +(the bridge's: each thread|libtorch's own)", table.Result);
        var document = JsonDocument.Parse(json.Result).RootElement;
        Assert.Contains(document.GetProperty("batchedProducts").GetString()!, table.Result);
        var problems = document.GetProperty("problems").GetArrayLength();
        Assert.Equal((problems > 0 ? 2 : 0, problems > 0 ? 2 : 0), (table.ExitCode, json.ExitCode));
    }

    [Fact]
    public async Task A_recipe_is_counted_and_its_first_sample_shown()
    {
        var table = await Printed.By("doctor", _tiny.Sft, "--sft.steps", "5");
        var json = await Printed.By("doctor", _tiny.Sft, "--sft.steps", "5", "--json");

        Assert.Equal((0, ""), (table.ExitCode, table.Log));
        Assert.Contains("sft.yaml: attune sft", table.Result);
        Assert.Matches(@"\n  steps +5\s", table.Result);
        Assert.Contains("⟦ the cat is on the mat .<|endoftext|>⟧", table.Result);
        Assert.Contains("warning: sft.warmUpSteps is 5, but there are 5 optimiser steps", table.Result);
        Assert.EndsWith("No problems; nothing was written.\n", table.Result);
        Assert.Equal("sft", JsonDocument.Parse(json.Result).RootElement.GetProperty("stage").GetString());
    }

    [Fact]
    public async Task Problems_exit_with_2_and_stand_in_the_document()
    {
        var text = await Printed.By("doctor", _tiny.Sft, "--sft.batch", "0");
        var json = await Printed.By("doctor", _tiny.Sft, "--sft.batch", "0", "--json");

        Assert.Equal(new Printed(2, "", $"{_tiny.Sft} has 1 problem\n  sft.batch  is 0, expected at least 1; 32 is usual\n"), text);
        Assert.Equal((2, text.Log), (json.ExitCode, json.Log));
        Assert.Equal("sft.batch", JsonDocument.Parse(json.Result).RootElement.GetProperty("problems")[0].GetProperty("key").GetString());
    }

    [Fact]
    public async Task Flags_without_a_recipe_make_no_sense()
    {
        var printed = await Printed.By("doctor", "--sft.steps=5");

        Assert.Equal(2, printed.ExitCode);
        Assert.StartsWith("attune doctor has 1 problem\n  --sft.steps=5  stands without a recipe", printed.Log);
    }

    [Fact]
    public async Task A_model_folder_shows_how_its_conversations_are_written()
    {
        var folder = Directory.CreateTempSubdirectory("attune-doctor-").FullName;
        try
        {
            var base_ = Path.Combine(Repository.Root, "models", "base");
            foreach (var name in new[] { "tokenizer.json", "tokenizer_config.json" })
                File.Copy(Path.Combine(base_, name), Path.Combine(folder, name));
            await File.WriteAllTextAsync(Path.Combine(folder, "chat_template.jinja"), "{% for m in messages %}{{ m.role + ': ' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}");

            var text = await Printed.By("doctor", folder);
            var json = await Printed.By("doctor", folder, "--json");
            var refused = await Printed.By("doctor", folder, "--sft.steps=5");

            Assert.Equal((0, 0, 2), (text.ExitCode, json.ExitCode, refused.ExitCode));
            Assert.Contains("<|endoftext|>⟧", text.Result);
            Assert.Contains("its own", text.Result);
            Assert.Contains("\"template\":\"own\"", json.Result);
            Assert.Contains("\"text\":\"<|endoftext|>\",\"isLearned\":true", json.Result);
            await File.WriteAllTextAsync(Path.Combine(folder, "chat_template.jinja"), "{{ raise_exception('no') }}");
            Assert.Contains("refuses the conversation: no, expected one that the template permits", (await Printed.By("doctor", folder)).Log);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
