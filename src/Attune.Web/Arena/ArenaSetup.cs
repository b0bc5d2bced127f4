using Attune.Feedback.Arena;
using Attune.Models;
using Attune.Runs;
using Attune.Storage.Arena;
using Attune.Web.Chat;

namespace Attune.Web.Arena;

/// <summary>An arena ready to serve: what its file says, and its models.</summary>
public sealed class ArenaSetup : IDisposable
{
    /// <summary>An arena of models that are there.</summary>
    /// <param name="plan">What the file says.</param>
    /// <param name="models">Each of its models by its name in the arena; disposed with this.</param>
    public ArenaSetup(ArenaPlan plan, IReadOnlyDictionary<string, IChatModel> models)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(models);
        (Plan, Models) = (plan, models);
        Names = [.. plan.Models.Select(model => model.Name).Order(StringComparer.Ordinal)];
        Makers = new(plan.Models.SelectMany(model => new[] { model.Name, model.Maker, model.Model }.OfType<string>().Concat(model.AlsoCalled)));
    }

    /// <summary>What the file says.</summary>
    public ArenaPlan Plan { get; }

    /// <summary>The models' names in the arena.</summary>
    public IReadOnlyList<string> Names { get; }

    internal IReadOnlyDictionary<string, IChatModel> Models { get; }

    internal MakerNames Makers { get; }

    internal ArenaSampling Sampling => new(Plan.Temperature, Plan.TopP, Plan.MaximumNewTokens, Plan.SystemPrompt);

    internal PoolRules Pool => new(Plan.HeldOutShare, Plan.Seed);

    /// <summary>Reads a file and opens its models.</summary>
    /// <param name="path">The file.</param>
    /// <param name="compute">Where folders are computed.</param>
    /// <exception cref="InputException">The file or a folder cannot be used.</exception>
    public static ArenaSetup Open(string path, ComputeSettings compute)
    {
        var plan = ArenaPlan.Load(path);
        var models = new Dictionary<string, IChatModel>(StringComparer.Ordinal);
        try
        {
            foreach (var model in plan.Models)
            {
                models[model.Name] = model.Folder is { } folder ? LocalChatModel.Load(folder, compute)
                    : new EndpointChatModel(new Uri(model.Url!), model.Model!, model.KeyVariable is null ? null : Environment.GetEnvironmentVariable(model.KeyVariable));
            }
        }
        catch
        {
            foreach (var opened in models.Values)
                (opened as IDisposable)?.Dispose();
            throw;
        }
        return new(plan, models);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var model in Models.Values)
            (model as IDisposable)?.Dispose();
    }
}
