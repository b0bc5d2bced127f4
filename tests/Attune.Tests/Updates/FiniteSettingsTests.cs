using System.Reflection;
using Attune.Runs;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>Every number of the training sections, found by its type: a new one that is not checked fails here.</summary>
public sealed class FiniteSettingsTests
{
    private static readonly IChecked[] Sections = [new LanguageModelConfig(), new RewardTrainingConfig(), new RewardDataSettings(), new RewardScaleSettings(), new PpoConfig()];

    [Fact]
    public void No_number_may_be_infinite_or_none_or_larger_than_float32_holds()
    {
        var tried = 0;
        foreach (var section in Sections)
        {
            Assert.Empty(section.Check());
            foreach (var (property, key) in NumbersOf(section.GetType()))
            {
                foreach (var value in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 3.1e37 })
                {
                    tried++;
                    AssertRefused(With(section, property, value), key, value);
                }
            }
        }

        Assert.Equal(4 * 40, tried); // a new number counts here too
    }

    [Fact]
    public void No_number_of_the_optimiser_may_be_either()
    {
        foreach (var value in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 3.1e37 })
        {
            var optimiser = new AdamWOptions { Beta1 = value, Beta2 = value, Epsilon = value, WeightDecay = value };
            foreach (var key in new[] { "beta1", "beta2", "epsilon", "weightDecay" })
                AssertRefused(new LanguageModelConfig { Optimiser = optimiser }, "optimiser." + key, value);
        }
    }

    private static void AssertRefused(IChecked section, string key, double value)
    {
        var messages = section.Check().Where(problem => problem.Key == key).Select(problem => problem.Message).ToArray();
        Assert.True(messages.Length == 1, $"{section.GetType().Name}.{key} = {value}: {messages.Length} problems");
        Assert.Matches($@"^is {System.Text.RegularExpressions.Regex.Escape($"{value}")}, expected .+; .+", messages[0]);
    }

    private static IEnumerable<(PropertyInfo Property, string Key)> NumbersOf(Type section) =>
        from property in section.GetProperties()
        where property.CanWrite && (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(double)
        select (property, char.ToLowerInvariant(property.Name[0]) + property.Name[1..]);

    private static IChecked With(IChecked section, PropertyInfo property, double value)
    {
        var copy = (IChecked)section.GetType().GetMethod("<Clone>$")!.Invoke(section, null)!; // what `with` calls
        property.SetValue(copy, value);
        return copy;
    }
}
