namespace Attune.Loop;

/// <summary>The README of a new project.</summary>
internal static class ProjectReadme
{
    /// <param name="prompt">A prompt to try the model with.</param>
    public static string Text(string prompt) => $$"""
        # My project

        Made by `attune init`. The files hold small examples that run as they are, within minutes; replace them with your own.

        | File | Holds | Used by |
        |---|---|---|
        | `demonstrations.jsonl` | prompts with good answers | `recipes/sft.yaml` |
        | `preferences.jsonl` | prompts with a better and a worse answer | `recipes/reward.yaml` |
        | `prompts.txt` | prompts to practise on, one a line | `recipes/ppo.yaml` |
        | `*-heldout.*` | the same kinds, for measuring; nothing learns from them | all of them |

        ## In order

        Run these in this folder; `attune` stands for the program, `./attune` of its checkout with its path. `attune doctor RECIPE` looks at a
        recipe and its data before you wait for it. Each run can be stopped with Ctrl-C and continued with `--resume`.

        ```sh
        attune doctor recipes/sft.yaml
        attune sft recipes/sft.yaml --out runs/sft
        attune sample runs/sft/model --text {{Quoted(prompt)}} --n 3 --max-new 32
        attune reward recipes/reward.yaml --out runs/reward
        attune doctor recipes/ppo.yaml
        attune ppo recipes/ppo.yaml --out runs/ppo
        attune evaluate recipes/evaluate.yaml --out runs/evaluation
        ```

        Then open `runs/evaluation/report.html`. Settings are keys of the recipes; a flag changes one for a run: `--ppo.steps 50`.

        """;

    /// <summary>One word for a shell.</summary>
    private static string Quoted(string text) => $"'{text.Replace("'", @"'\''")}'";
}
